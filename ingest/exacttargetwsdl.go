package ingest

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/internal/partnerapi"
	"parley/schemas"
)

const (
	// partnerPath is where the partner API is served, in any case.
	partnerPath = "/Service.asmx"
	// partnerWSDLPath is where clients of the partner API look for its description, partnerFaultPath where that of fault details is.
	partnerWSDLPath  = "/etframework.wsdl"
	partnerFaultPath = "/ETFrameworkFault.xsd"

	mimeXML = "text/xml; charset=utf-8"
)

// getPartnerWSDL describes the partner API, at the host that it was asked for.
func (s *Server) getPartnerWSDL(c echo.Context) error {
	location := partnerapi.AppendText(nil, origin(c)+partnerPath)
	return c.Blob(http.StatusOK, mimeXML, []byte(strings.Replace(schemas.PartnerAPI(), schemas.PartnerAPIAddress, string(location), 1)))
}

// getPartnerFault describes the details of faults of the partner API.
func (s *Server) getPartnerFault(c echo.Context) error {
	return c.Blob(http.StatusOK, mimeXML, []byte(schemas.PartnerAPIFault()))
}
