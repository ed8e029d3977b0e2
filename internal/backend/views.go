package backend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

func (b *Backend) handleObject(w http.ResponseWriter, r *http.Request) {
	k := objectKey{account(r), r.PathValue("type"), r.PathValue("key")}
	b.mu.Lock()
	view, ok := b.store.view(k)
	b.mu.Unlock()
	if !ok {
		write(w, http.StatusNotFound, problem{"NotFound", fmt.Sprintf("there is no %s %s", k.kind, k.key)})
		return
	}
	write(w, http.StatusOK, view)
}

func (b *Backend) handleObjects(w http.ResponseWriter, r *http.Request) {
	limit, err := pageLimit(r)
	if err != nil {
		write(w, http.StatusBadRequest, problem{"InvalidParameter", err.Error()})
		return
	}
	after := objectKey{account: account(r)}
	if raw := r.FormValue("after"); raw != "" {
		var cursor [2]string
		if err := json.Unmarshal([]byte(raw), &cursor); err != nil {
			write(w, http.StatusBadRequest, problem{"InvalidParameter", `after is not the "next" of another page`})
			return
		}
		after.kind, after.key = cursor[0], cursor[1]
	}
	b.mu.Lock()
	views := b.store.page(account(r), r.FormValue("type"), after, limit)
	b.mu.Unlock()
	next := ""
	if len(views) == limit {
		last := views[len(views)-1]
		raw, err := json.Marshal([2]string{last.Type, last.Key})
		if err != nil {
			write(w, http.StatusInternalServerError, problem{"Internal", err.Error()})
			return
		}
		next = string(raw)
	}
	write(w, http.StatusOK, struct {
		Objects []ObjectView `json:"objects"`
		Next    string       `json:"next,omitempty"`
	}{views, next})
}

// Executions is what GET /executions answers.
type Executions struct {
	Executions []Execution `json:"executions"`
	Next       int64       `json:"next"`   // after= of the next page
	Oldest     int64       `json:"oldest"` // those before it are forgotten; 0 if there is none
}

func (b *Backend) handleExecutions(w http.ResponseWriter, r *http.Request) {
	limit, err := pageLimit(r)
	if err != nil {
		write(w, http.StatusBadRequest, problem{"InvalidParameter", err.Error()})
		return
	}
	var after int64
	if raw := r.FormValue("after"); raw != "" {
		if after, err = strconv.ParseInt(raw, 10, 64); err != nil || after < 0 {
			write(w, http.StatusBadRequest, problem{"InvalidParameter", "after is not a sequence"})
			return
		}
	}
	write(w, http.StatusOK, b.executionsAfter(after, limit))
}

func (b *Backend) executionsAfter(sequence int64, limit int) Executions {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := Executions{Executions: b.executions.after(sequence, limit), Next: sequence, Oldest: b.executions.oldest()}
	if n := len(found.Executions); n > 0 {
		found.Next = found.Executions[n-1].Sequence
	}
	return found
}

func account(r *http.Request) string {
	if a := r.FormValue("account"); a != "" {
		return a
	}
	return "default"
}

func pageLimit(r *http.Request) (int, error) {
	raw := r.FormValue("limit")
	if raw == "" {
		return pageDefault, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > pageMax {
		return 0, fmt.Errorf("limit is not between 1 and %d", pageMax)
	}
	return n, nil
}
