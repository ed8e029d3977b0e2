package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Why a folder cannot be the data folder; the causes of a *FolderError.
var (
	ErrNotWritable = errors.New("cannot be written")
	ErrForeign     = errors.New("holds something else")
	ErrNewer       = errors.New("was written by a newer Parley")
	ErrDamaged     = errors.New("is damaged")
	ErrInUse       = errors.New("is in use")
)

// FolderError says what is wrong with a data folder and what to do. The folder is as it was.
type FolderError struct {
	Dir    string
	Err    error  // wraps one of the above
	Remedy string // one sentence without its end
}

// Error says everything in one line.
func (e *FolderError) Error() string {
	return fmt.Sprintf("data folder %s %v; %s", e.Dir, e.Err, e.Remedy)
}

// Unwrap returns the cause.
func (e *FolderError) Unwrap() error { return e.Err }

const (
	markerName = "parley.json"
	lockName   = "parley.lock"

	// folderFormat is the layout of the data folder that this program reads and writes.
	folderFormat = 1

	chooseAnother = "choose an empty or new folder with " + settingDataDir
)

// marker is the content of parley.json.
type marker struct {
	Format int `json:"format"`
}

// PrepareFolder makes dir a data folder, or checks that it is one that this program can use. A new or empty
// folder is marked. Any other is left untouched, with a *FolderError.
func PrepareFolder(dir string) error {
	err := os.MkdirAll(dir, 0o750)
	if err != nil {
		return unwritable(dir, err)
	}
	known, err := checkMarker(dir)
	if err != nil {
		return err
	}
	if err := checkWritable(dir); err != nil {
		return err
	}
	if known {
		return nil
	}
	return writeMarker(dir)
}

// CheckFolder says why dir cannot be the data folder, as PrepareFolder does, and changes nothing. nil: it can, or it is not
// there yet.
func CheckFolder(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := checkMarker(dir)
	return err
}

// checkMarker says whether dir is a data folder already. Neither is one, nor can become one, a folder
// with the files of others.
func checkMarker(dir string) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, checkEmpty(dir)
	}
	if err != nil {
		return false, unwritable(dir, err)
	}
	var m marker
	if err := json.Unmarshal(raw, &m); err != nil || m.Format < 1 {
		return false, &FolderError{
			Dir:    dir,
			Err:    fmt.Errorf("%w: %s does not say its format", ErrDamaged, markerName),
			Remedy: "restore that file, or " + chooseAnother,
		}
	}
	if m.Format > folderFormat {
		return false, &FolderError{
			Dir:    dir,
			Err:    fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, m.Format, folderFormat),
			Remedy: "use that version, or " + chooseAnother,
		}
	}
	return true, nil
}

// checkEmpty passes a folder in which there is nothing, or no more than a beginning of ours or of the file system.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unwritable(dir, err)
	}
	for _, e := range entries {
		switch e.Name() {
		case lockName, markerName + ".tmp", "lost+found":
		default:
			return &FolderError{Dir: dir, Err: fmt.Errorf("%w: %s", ErrForeign, e.Name()), Remedy: chooseAnother}
		}
	}
	return nil
}

func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return unwritable(dir, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return unwritable(dir, err)
	}
	return nil
}

func writeMarker(dir string) error {
	raw, err := json.Marshal(marker{Format: folderFormat})
	if err != nil {
		return fmt.Errorf("encode %s: %w", markerName, err)
	}
	path := filepath.Join(dir, markerName)
	if err := os.WriteFile(path+".tmp", append(raw, '\n'), 0o640); err != nil {
		return unwritable(dir, err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return unwritable(dir, err)
	}
	return nil
}

func unwritable(dir string, err error) error {
	return &FolderError{
		Dir:    dir,
		Err:    fmt.Errorf("%w: %w", ErrNotWritable, err),
		Remedy: "make it a folder that this user may write to, or choose another with " + settingDataDir,
	}
}
