package extract

import (
	"bytes"
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"parley/schemas"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// encode writes blocks in a format.
func encode(t testing.TB, format schemas.ExtractFormat, blocks ...*block) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := newEncoder(format, &out, blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if err := e.write(b, 0, b.rows()); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What was given once is given again, by later versions, too.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, format := range schemas.ExtractFormats() {
		for name, b := range map[string]*block{
			"all":  blockOf(nil, goldenRows()...),
			"some": blockOf([]string{"sequence", "status", "started_at"}, goldenRows()...),
			"none": blockOf(nil),
		} {
			path := filepath.Join("testdata", name+"."+string(format))
			got := encode(t, format, b)
			if *rewrite {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is\n%q\nwant\n%q", path, got, want)
			}
		}
	}
}

// Rows make the same bytes, however they were divided into blocks: over the limits of pages and row groups, too.
func TestBlocksDoNotShow(t *testing.T) {
	t.Parallel()
	rows := manyRows(groupRows + 20_000)
	dice := rand.New(rand.NewPCG(1, 2))
	for _, format := range schemas.ExtractFormats() {
		want := encode(t, format, blockOf(nil, rows...))
		for range 2 {
			var blocks []*block
			for rest := rows; len(rest) > 0; {
				n := min(len(rest), 1+dice.IntN(40_000))
				blocks = append(blocks, blockOf(nil, rest[:n]...))
				rest = rest[n:]
			}
			if got := encode(t, format, blocks...); !bytes.Equal(got, want) {
				t.Errorf("%s: %d blocks make other bytes than one", format, len(blocks))
			}
		}
	}
}

// manyRows are rows of which some have long messages.
func manyRows(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		r := goldenRows()[i%3]
		r.sequence, r.customerKey, r.requestID = int64(i), fmt.Sprintf("row-%d", i), uuid.NewSHA1(uuid.Nil, strconv.AppendInt(nil, int64(i), 10))
		r.errorCode = fmt.Sprintf("code %d", i/10)
		if i%3000 == 0 {
			r.message = strings.Repeat("long ", 50_000)
		}
		rows[i] = r
	}
	return rows
}

// Row groups end after so many rows, and earlier when these are long.
func TestRowGroups(t *testing.T) {
	t.Parallel()
	long := manyRows(900)
	for i := range long {
		long[i].message = strings.Repeat("x", 256<<10)
	}
	for name, tt := range map[string]struct {
		rows []row
		want []int64
	}{
		"by rows":  {manyRows(groupRows + 1), nil},
		"by bytes": {long, []int64{256, 256, 256, 132}},
		"none":     {nil, []int64{}},
	} {
		file := encode(t, schemas.ExtractParquet, blockOf(nil, tt.rows...))
		f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		got := []int64{}
		for _, g := range f.RowGroups() {
			got = append(got, g.NumRows())
		}
		if tt.want != nil && !slices.Equal(got, tt.want) || slices.Max(append(got, 0)) > groupRows {
			t.Errorf("%s: row groups of %d rows, want %d", name, got, tt.want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, r := range goldenRows() {
		f.Add(r.conversationID, r.message, r.status)
	}
	f.Fuzz(func(t *testing.T, conversation, message, status string) {
		columns := []string{"conversation_id", "message", "status"}
		r := stdcsv.NewReader(bytes.NewReader(encode(t, schemas.ExtractCSV, blockOf(columns, row{conversationID: conversation, message: message, status: status}))))
		read, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		// encoding/csv takes a line break of two characters in a field for one.
		normal := strings.NewReplacer("\r\n", "\n")
		want := [][]string{columns, {normal.Replace(conversation), normal.Replace(message), normal.Replace(status)}}
		if !slices.EqualFunc(read, want, slices.Equal) {
			t.Errorf("read %q, want %q", read, want)
		}
	})
}

func FuzzJSONL(f *testing.F) {
	for _, r := range goldenRows() {
		f.Add(r.conversationID, r.message, r.status)
	}
	f.Fuzz(func(t *testing.T, conversation, message, status string) {
		columns := []string{"conversation_id", "message", "status"}
		line := encode(t, schemas.ExtractJSONL, blockOf(columns, row{conversationID: conversation, message: message, status: status}))
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q is not one line", line)
		}
		var read map[string]string
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"conversation_id": conversation, "message": message, "status": status} {
			if want = strings.ToValidUTF8(want, "\ufffd"); strings.ToValidUTF8(read[name], "\ufffd") != want && len([]rune(read[name])) < len([]rune(want)) {
				t.Errorf("%s is %q, want %q", name, read[name], want)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	for _, r := range goldenRows() {
		f.Add(r.conversationID, r.status, r.sequence, r.ordinal, r.completedAt.UnixMilli(), r.startedAt != nil)
	}
	f.Fuzz(func(t *testing.T, conversation, status string, sequence int64, ordinal int32, completed int64, begun bool) {
		r := row{conversationID: conversation, status: status, sequence: sequence, ordinal: ordinal, completedAt: at(completed)}
		if begun {
			r.startedAt = &r.completedAt
		}
		columns := []string{"status", "sequence", "conversation_id", "started_at", "ordinal", "completed_at"}
		file := encode(t, schemas.ExtractParquet, blockOf(columns, r, r))
		type parquetRow struct {
			Status         string `parquet:"status"`
			Sequence       int64  `parquet:"sequence"`
			ConversationID string `parquet:"conversation_id"`
			StartedAt      *int64 `parquet:"started_at"`
			Ordinal        int32  `parquet:"ordinal"`
			CompletedAt    int64  `parquet:"completed_at"`
		}
		read, err := parquet.Read[parquetRow](bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range read {
			if got.Status != status || got.Sequence != sequence || got.ConversationID != conversation || got.Ordinal != ordinal || got.CompletedAt != completed ||
				(got.StartedAt != nil) != begun || begun && *got.StartedAt != completed {
				t.Errorf("read %+v of %+v", got, r)
			}
		}
		if len(read) != 2 {
			t.Errorf("read %d rows, want 2", len(read))
		}
	})
}

// What cannot be written ends an extract.
func TestWriterThatFails(t *testing.T) {
	t.Parallel()
	for _, format := range schemas.ExtractFormats() {
		e, err := newEncoder(format, failing{}, blockOf(nil))
		if err == nil {
			err = errors.Join(e.write(blockOf(nil, manyRows(1000)...), 0, 1000), e.close())
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: error %v, want %v", format, err, errFull)
		}
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
