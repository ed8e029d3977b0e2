package samples

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

const (
	seed = 4711

	// firstNumber is the number of the first conversation.
	firstNumber = 10_001

	// resent is how many lines are written twice.
	resent = 60

	// A line is moved down by up to shuffleMax lines, its repetition by up to resentMax more.
	shuffleMax = 150
	resentMax  = 500
)

// placed is a line and where it wants to be.
type placed struct {
	at   int
	line []byte
	once bool
}

// Generate writes the file.
func Generate(w io.Writer) (Counts, error) {
	r := rand.New(rand.NewPCG(seed, seed))
	counts, lines, err := compose(r)
	if err != nil {
		return Counts{}, err
	}
	for _, i := range r.Perm(len(lines)) {
		if counts.Resent == resent {
			break
		}
		if again := lines[i]; !again.once {
			again.at += 1 + r.IntN(resentMax)
			lines = append(lines, again)
			counts.Resent++
		}
	}
	slices.SortStableFunc(lines, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	counts.Lines = len(lines)

	out := bufio.NewWriter(w)
	for _, l := range lines {
		if _, err := out.Write(l.line); err != nil {
			return Counts{}, fmt.Errorf("write samples: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return Counts{}, fmt.Errorf("write samples: %w", err)
	}
	return counts, nil
}

// compose makes the conversations, those of a kind far from one another.
func compose(r *rand.Rand) (Counts, []placed, error) {
	var all []kind
	for _, k := range kinds() {
		for range k.count {
			all = append(all, k)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })

	counts := Counts{Conversations: len(all)}
	var lines []placed
	for i, k := range all {
		calls := converse(r, k, firstNumber+i)
		k.expect(len(calls), &counts)
		for _, c := range calls {
			line, err := c.line()
			if err != nil {
				return Counts{}, nil, err
			}
			lines = append(lines, placed{len(lines) + r.IntN(shuffleMax), line, k.once})
		}
	}
	return counts, lines, nil
}

// converse makes the calls of one conversation, in their order.
func converse(r *rand.Rand, k kind, number int) []call {
	tell := k.tell
	if tell == nil {
		tell = []story{orderStory, orderStory, signupStory, signupStory, campaignStory}[r.IntN(5)]
	}
	calls := tell(r, number)
	calls = calls[:max(k.partsMin, 1+min(r.IntN(PartsMax), r.IntN(PartsMax+1)))] // short ones are more
	for i := range calls {
		calls[i].Options = options{
			ConversationID:      fmt.Sprintf("shop-%d", number),
			SequenceCode:        i + 1,
			CallsInConversation: len(calls),
		}
		for j := range calls[i].Objects {
			calls[i].Objects[j].CorrelationID = fmt.Sprintf("%d/%d/%d", number, i+1, j+1)
		}
	}
	if k.change == nil {
		return calls
	}
	return k.change(r, calls)
}
