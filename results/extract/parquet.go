package extract

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// The limits of what a Parquet file is divided into. They hold for values, not for blocks, so that the same rows make the
// same bytes.
const (
	// groupRows and groupBytes bound a row group, which is held in memory, compressed, until it is whole.
	groupRows  = 128 << 10
	groupBytes = 64 << 20
	// pageBytes bounds a page.
	pageBytes = 512 << 10
	// dictionaryBytes is how long the words of a column may be in a row group, in sum; further pages have none.
	dictionaryBytes = 1 << 20
)

// parquetFile writes Apache Parquet: row groups of the same number of rows, pages compressed by Zstandard, with statistics.
type parquetFile struct {
	writer *parquet.GenericWriter[any]
	// pages are the bytes of the page that each column is at.
	pages  []int
	values []parquet.Value
	// rows and bytes are those of the row group.
	rows, bytes int
}

func newParquet(w io.Writer, b *block) (*parquetFile, error) {
	root := ordered{Group: parquet.Group{}, names: b.names}
	for i, name := range b.names {
		root.Group[name] = b.columns[i].node()
	}
	config, err := parquet.NewWriterConfig(
		parquet.NewSchema("results", root),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.CreatedBy("parley", "1", "parquet-go"), // of the format: a release that changes nothing of it must not show
		parquet.PageBufferSize(2*pageBytes),            // a page is cut before the library would
		parquet.DictionaryMaxBytes(dictionaryBytes),
		parquet.SkipPageBounds("message"), // sentences: nobody looks for those between two
	)
	if err != nil {
		return nil, fmt.Errorf("configure Parquet: %w", err)
	}
	return &parquetFile{writer: parquet.NewGenericWriter[any](w, config), pages: make([]int, len(b.names))}, nil
}

// ordered is a group whose fields stand in the order of their names in a list; a parquet.Group sorts them.
type ordered struct {
	parquet.Group
	names []string
}

// Fields implements parquet.Node.
func (o ordered) Fields() []parquet.Field {
	fields := o.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return cmp.Compare(slices.Index(o.names, a.Name()), slices.Index(o.names, b.Name()))
	})
	return fields
}

func (p *parquetFile) write(b *block, from, end int) error {
	for from < end {
		to, whole := p.take(b, from, end)
		for i, column := range b.columns {
			if err := p.writeColumn(i, column, from, to); err != nil {
				return err
			}
		}
		if whole {
			if err := p.endGroup(); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// take counts rows into the row group, until it is whole or the rows end.
func (p *parquetFile) take(b *block, from, end int) (to int, whole bool) {
	for to = from; to < end && !whole; to++ {
		p.rows++
		for _, column := range b.columns {
			p.bytes += column.size(to)
		}
		whole = p.rows == groupRows || p.bytes >= groupBytes
	}
	return to, whole
}

// writeColumn writes values of a column, page by page.
func (p *parquetFile) writeColumn(index int, c column, from, to int) error {
	writer, page := p.writer.ColumnWriters()[index], &p.pages[index]
	for from < to {
		end := from
		for ; end < to && *page < pageBytes; end++ {
			*page += c.size(end)
		}
		p.values = c.appendParquet(p.values[:0], index, from, end)
		if _, err := writer.WriteRowValues(p.values); err != nil {
			return fmt.Errorf("write Parquet column: %w", err)
		}
		if from = end; *page >= pageBytes {
			*page = 0
			if err := writer.Flush(); err != nil {
				return fmt.Errorf("write Parquet page: %w", err)
			}
		}
	}
	return nil
}

func (p *parquetFile) endGroup() error {
	p.rows, p.bytes = 0, 0
	clear(p.pages)
	if err := p.writer.Flush(); err != nil {
		return fmt.Errorf("write Parquet row group: %w", err)
	}
	return nil
}

func (p *parquetFile) close() error {
	if err := p.writer.Close(); err != nil {
		return fmt.Errorf("end Parquet file: %w", err)
	}
	return nil
}
