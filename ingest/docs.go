package ingest

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/schemas"
)

//go:embed docs.html
var docsHTML string

func docs(c echo.Context) error { return c.HTML(http.StatusOK, docsHTML) }

func openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", []byte(schemas.OpenAPI()))
}
