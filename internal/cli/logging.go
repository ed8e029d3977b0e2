package cli

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"parley/internal/telemetry"
)

// logFlags say what is logged, and how. Logs go to standard error.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" env:"PARLEY_LOG_LEVEL" help:"The least that is logged: debug, info, warn or error." placeholder:"LEVEL" group:"Logs"`
	LogFormat string `default:"auto" enum:"auto,text,json" env:"PARLEY_LOG_FORMAT" help:"Form of the log: text, json, or auto: text on a terminal, else json." placeholder:"FORM" group:"Logs"`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // one of the four that the flag allows
	options := &slog.HandlerOptions{Level: level}
	if f.json(w) {
		return slog.New(telemetry.NewHandler(slog.NewJSONHandler(w, options)))
	}
	return slog.New(telemetry.NewHandler(slog.NewTextHandler(w, options)))
}

// json reports whether the log is for programs.
func (f logFlags) json(w io.Writer) bool {
	return f.LogFormat == "json" || f.LogFormat == "auto" && !terminal(w)
}

// arguments are the flags that make another process of this program log in the same form.
func (f logFlags) arguments(w io.Writer) []string {
	format := "text"
	if f.json(w) {
		format = "json"
	}
	return []string{"--log-level", f.LogLevel, "--log-format", format}
}

// terminal reports whether what is written to w, or read from it, is seen by a person.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
