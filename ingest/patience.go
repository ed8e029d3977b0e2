package ingest

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// A client that is slow on purpose, or gone without a word, must not hold for long what others need.
const (
	// paceMin is how many bytes a second a client sends or reads at the least, beyond a timeout for the beginning.
	paceMin = 1 << 20
	// leisurely is how many bytes have the timeout for themselves.
	leisurely = 64 << 10
	// answerTimeout is how long the beginning of a long answer may wait for its client.
	answerTimeout = 10 * time.Second
)

// atPace is how long n bytes may take, beyond a timeout.
func atPace(n int64) time.Duration { return time.Duration(n) * time.Second / paceMin }

// patient gives a long body more time than the server's ReadTimeout as long as it keeps coming at a pace.
func (s *Server) patient(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); r.ContentLength < 0 || r.ContentLength > leisurely {
			r.Body = &patientBody{
				ReadCloser: r.Body,
				connection: http.NewResponseController(c.Response()),
				end:        time.Now().Add(s.bodyTimeout),
			}
		}
		return next(c)
	}
}

// patientBody is a body whose reads end when it comes too slowly.
type patientBody struct {
	io.ReadCloser
	connection *http.ResponseController
	end        time.Time // of the timeout
	read       int64
	unseen     int64 // bytes read since the deadline was set
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.unseen += int64(n)
	if b.unseen < leisurely || err != nil {
		return n, err
	}
	b.unseen = 0
	return n, b.connection.SetReadDeadline(b.end.Add(atPace(b.read)))
}

// hurry ends the writing of a long answer whose client does not read it.
func hurry(c echo.Context, n int) error {
	return http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(answerTimeout + atPace(int64(n))))
}
