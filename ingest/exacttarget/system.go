package exacttarget

import (
	"time"

	"github.com/google/uuid"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
)

// The local names of what asks for the system.
const (
	SystemStatusRequest = "SystemStatusRequestMsg"
	VersionInfoRequest  = "VersionInfoRequestMsg"
)

// SystemStatus is how those do who carry calls out.
type SystemStatus struct {
	// InMaintenance and Unplanned count routes whose calls wait: because somebody has said so, and because nobody answers.
	InMaintenance, Unplanned int
}

// Answer is the SystemStatusResponseMsg. A status that is not OK keeps nobody from queueing calls.
func (s SystemStatus) Answer() []byte {
	const message = "System Status Retrieved" // clients compare it
	b := []byte(`<SystemStatusResponseMsg xmlns="` + partnerapi.Namespace + `"><Results><Result>`)
	b = partnerapi.AppendElement(b, "StatusCode", partnerapi.StatusOK)
	b = partnerapi.AppendElement(b, "StatusMessage", message)
	b = partnerapi.AppendElement(b, "SystemStatus", s.word())
	b = append(b, `<Outages>`...)
	for range s.InMaintenance + s.Unplanned {
		b = append(b, `<Outage/>`...) // the schema gives it no members
	}
	b = append(b, `</Outages></Result></Results>`...)
	b = partnerapi.AppendElement(b, "OverallStatus", partnerapi.StatusOK)
	b = partnerapi.AppendElement(b, "OverallStatusMessage", message)
	b = partnerapi.AppendElement(b, "RequestID", uuid.NewString())
	return append(b, `</SystemStatusResponseMsg>`...)
}

// word is a SystemStatusType.
func (s SystemStatus) word() string {
	switch {
	case s.Unplanned > 0:
		return "UnplannedOutage"
	case s.InMaintenance > 0:
		return "InMaintenance"
	}
	return "OK"
}

// Version is that of the program which answers.
type Version struct {
	Name string
	// Date is when the commit was made that it was built from. Zero: that is not known, and told as 1970, as the schema wants a
	// date.
	Date time.Time
}

// Answer is the VersionInfoResponseMsg to a VersionInfoRequestMsg. The history has one version: what others have answered is not known.
func (v Version) Answer(e *soap.Element) []byte {
	b := []byte(`<VersionInfoResponseMsg xmlns="` + partnerapi.Namespace + `"><VersionInfo>`)
	b = v.append(b)
	if text := e.Child("IncludeVersionHistory").Value(); text == "true" || text == "1" {
		b = append(v.append(append(b, `<VersionHistory>`...)), `</VersionHistory>`...)
	}
	b = partnerapi.AppendElement(append(b, `</VersionInfo>`...), "RequestID", uuid.NewString())
	return append(b, `</VersionInfoResponseMsg>`...)
}

func (v Version) append(b []byte) []byte {
	b = partnerapi.AppendElement(b, "Version", v.Name)
	date := v.Date
	if date.IsZero() {
		date = time.Unix(0, 0)
	}
	b = partnerapi.AppendElement(b, "VersionDate", formatInstant(date))
	return partnerapi.AppendElement(b, "Notes", "Parley")
}
