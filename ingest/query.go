package ingest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/schemas"
)

// takes has a handler refuse query parameters that its operation does not have, has twice, or that cannot be read: a
// misspelt receipt must not be without effect, and without a word. It is no echo.MiddlewareFunc, as those are applied anew
// to every request.
func takes(h echo.HandlerFunc, names ...string) echo.HandlerFunc {
	return func(c echo.Context) error {
		if p := checkQuery(c.Request().URL.RawQuery, names); p != nil {
			return p
		}
		return h(c)
	}
}

func checkQuery(raw string, names []string) *schemas.Problem {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("the query cannot be read: %.100v", err)}
	}
	for name, given := range values {
		if !slices.Contains(names, name) {
			return &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("there is no query parameter %.100q here; %s", name, those(names))}
		}
		if len(given) > 1 {
			return &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("the query parameter %s is given %d times; give it once", name, len(given))}
		}
	}
	return nil
}

func those(names []string) string {
	if len(names) == 0 {
		return "this takes none"
	}
	return "there are: " + strings.Join(names, ", ")
}
