package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"parley/internal/secret"
)

// secretTag marks a flag that is a secret: nobody should have to put it on a command line, or into an environment.
const secretTag = "secret"

// fileOf is the environment variable that names a file with the value of a flag; empty: the flag is no secret.
func fileOf(v *kong.Value) string {
	if !v.Tag.Has(secretTag) {
		return ""
	}
	return v.Tag.Envs[0] + "_FILE"
}

// fromFile is the value of a flag that is in a file. It is asked for flags that the command line does not give.
func fromFile(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := fileOf(flag.Value)
	if name == "" || os.Getenv(name) == "" {
		return nil, nil //nolint:nilnil // kong: it is not given this way
	}
	if setting := flag.Tag.Envs[0]; os.Getenv(setting) != "" {
		return nil, fmt.Errorf("%s and %s are both set; give one of them", setting, name)
	}
	value, err := secret.Text{File: os.Getenv(name)}.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put the secret into the file, and let this user of the system read it", name, err)
	}
	return value, nil
}

// helpOf is the help of a flag, with the variables that it can be given by.
func helpOf(v *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(v)
	if name := fileOf(v); name != "" {
		setting := "($" + v.Tag.Envs[0]
		help = strings.Replace(help, setting, setting+", or the file $"+name, 1)
	}
	return help
}
