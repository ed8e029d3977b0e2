package clickhouse

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
)

// newHTTPServer serves the HTTP interface. A page of another site that is open in a browser on this machine may not
// post to it.
func newHTTPServer(ctx context.Context, s *Server) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", writeOk)
	mux.HandleFunc("/replicas_status", writeOk)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { s.serveQuery(ctx, w, r) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("There is no handle %s\n\nUse / or /ping for health checks.\nSend queries to / with the POST method, or with the parameter query.", r.URL.Path), http.StatusNotFound)
	})
	return &http.Server{
		Handler:           s.counted(http.NewCrossOriginProtection().Handler(mux)),
		ReadHeaderTimeout: handshakeTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// counted lets Close wait for the requests that are being answered.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.work.Add(1)
		}
		s.mu.Unlock()
		if closed {
			http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
			return
		}
		defer s.work.Done()
		h.ServeHTTP(w, r)
	})
}

func writeOk(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = io.WriteString(w, "Ok.\n") // a client that has left does not need it
}

// serveQuery answers a request with a statement. ctx ends with the server.
func (s *Server) serveQuery(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
		return
	}
	values := r.URL.Query()
	if r.Method != http.MethodPost && !values.Has("query") {
		writeOk(w, r)
		return
	}
	q := &webQuery{srv: s, r: r, values: values, out: newWebWriter(w, s)}
	if err := q.answer(ctx); err != nil {
		q.out.fail(err)
	}
}

// credentials are the user and password of a request: headers, Basic or parameters.
func credentials(r *http.Request) (user, password string) {
	if user = r.Header.Get("X-ClickHouse-User"); user != "" {
		return user, r.Header.Get("X-ClickHouse-Key")
	}
	if user, password, ok := r.BasicAuth(); ok {
		return user, password
	}
	values := r.URL.Query()
	return values.Get("user"), values.Get("password")
}

// httpStatus is the status that a server answers with for an exception: see exceptionCodeToHTTPStatus.cpp.
func httpStatus(code int) int {
	switch code {
	case 36, 427, 6, 25, 26, 38, 41, 72, 441, 675, 676, 27, 376, 15, 44, 67, 69, 8, 167, 168, 154, 62, 117, 53, 321:
		return http.StatusBadRequest
	case 194:
		return http.StatusUnauthorized
	case 192, 193, 516, 497, 512:
		return http.StatusForbidden
	case 60, 46, 47, 50, 56, 81, 115, 106, 63, 73, 336, 78, codeUnknownRole:
		return http.StatusNotFound
	case 159:
		return http.StatusRequestTimeout
	case 381:
		return http.StatusLengthRequired
	case 65:
		return http.StatusRequestEntityTooLarge
	case 48:
		return http.StatusNotImplemented
	case 209, 76, 439, codeTooManyConnections:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// contentType is the media type of an output format.
func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8"
	case format == "JSONEachRow", format == "JSONLines", format == "NDJSON":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case format == "XML":
		return "application/xml; charset=UTF-8"
	case strings.HasPrefix(format, "Pretty"), format == "Vertical", format == "Values", format == "Markdown", format == "SQLInsert":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}
