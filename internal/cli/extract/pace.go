package extract

// pace says how many sequences a chunk spans. How many of them are the account's nobody knows: it follows from the chunk
// before.
type pace struct{ sequences int64 }

// A chunk has between rowsMin and rowsMax rows, about: it is worth a question, and its repetition costs a second.
const (
	firstSequences = 20_000
	rowsMin        = 200_000
	rowsMax        = 1_000_000
	sequencesMax   = 1 << 40
)

func newPace() *pace { return &pace{sequences: firstSequences} }

// took is told how many rows a chunk had.
func (p *pace) took(rows int64) {
	switch {
	case rows < rowsMin:
		p.sequences = min(2*p.sequences, sequencesMax)
	case rows > rowsMax:
		p.sequences = max(p.sequences/2, 1)
	}
}
