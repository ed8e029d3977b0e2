package ingest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/control"
	"parley/schemas"
)

// partnerAnswer is as much of the answers of the partner API as these tests look at.
type partnerAnswer struct {
	OverallStatus string            `xml:"OverallStatus"`
	RequestID     string            `xml:"RequestID"`
	Results       []retrievedObject `xml:"Results"`
	Version       string            `xml:"VersionInfo>Version"`
	Definitions   []struct {
		ObjectType string
		Properties []struct{ Name string }
	} `xml:"ObjectDefinition"`
}

type retrievedObject struct {
	Type          string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	CorrelationID string
	RequestID     string
	StatusCode    string
	StatusMessage string
	ErrorCode     int
	SequenceCode  int
	SystemStatus  string `xml:"Result>SystemStatus"`
}

// partnerPost sends an operation of the partner API, and reads what stands in the body of the answer.
func (h *harness) partnerPost(t testing.TB, action, body string, header ...string) (reply, partnerAnswer) {
	t.Helper()
	text := `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body>` +
		strings.Replace(body, ">", ` xmlns="http://exacttarget.com/wsdl/partnerAPI">`, 1) + `</soap:Body></soap:Envelope>`
	r := h.do(t, http.MethodPost, partnerPath, []byte(text), append([]string{"Content-Type", "text/xml", "SOAPAction", `"` + action + `"`}, header...)...)
	var e struct {
		Body struct {
			Answer partnerAnswer `xml:",any"`
		}
	}
	if err := xml.Unmarshal(r.body, &e); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return r, e.Body.Answer
}

// retrieved retrieves, to the last page, and returns the CorrelationIDs of each.
func (h *harness) retrieved(t testing.TB, members string) (pages []string) {
	t.Helper()
	for ask := members; ; {
		r, a := h.partnerPost(t, "Retrieve", `<RetrieveRequestMsg><RetrieveRequest>`+ask+`</RetrieveRequest></RetrieveRequestMsg>`)
		var ids []string
		for _, o := range a.Results {
			ids = append(ids, o.CorrelationID+strconv.Itoa(o.SequenceCode)+o.StatusCode)
		}
		pages = append(pages, strings.Join(ids, " "))
		switch {
		case a.OverallStatus == "OK":
			return pages
		case r.status != http.StatusOK || a.OverallStatus != "MoreDataAvailable" || len(pages) > 20:
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		ask = `<ContinueRequest>` + a.RequestID + `</ContinueRequest>`
	}
}

func where(property, operator string, values ...string) string {
	return `<Filter xsi:type="SimpleFilterPart"><Property>` + property + `</Property><SimpleOperator>` + operator + `</SimpleOperator><Value>` +
		strings.Join(values, `</Value><Value>`) + `</Value></Filter>`
}

const (
	allItems    = `<ObjectType>ResultItem</ObjectType>`
	allMessages = `<ObjectType>ResultMessage</ObjectType>`
)

// endedCall is a part of a conversation that has ended, with so many objects.
func endedCall(sequence int32, status schemas.CallStatus, objects int) schemas.CallResource {
	at := time.Date(2026, 12, 1, 8, 0, int(sequence), 0, time.UTC)
	c := schemas.CallResource{
		RequestID: fmt.Sprintf("%s%03d", someID[:33], sequence), Account: defaultAccount, ConversationID: "order-1", SequenceCode: sequence, CallsInConversation: 3,
		Method: "Create", Status: status, Results: []schemas.ResultResource{}, AcceptedAt: &at, CompletedAt: &at,
	}
	for i := range objects {
		c.Results = append(c.Results, schemas.ResultResource{Ordinal: i, CorrelationID: fmt.Sprintf("%c%d.", 'a'+sequence-1, i), ObjectType: "List", Status: schemas.OK})
	}
	return c
}

// Whoever has a RequestID asks whoever owns the call, and finds what has ended there, or in the record.
func TestRetrieveByRequest(t *testing.T) {
	t.Parallel()
	h := start(t)
	queued, live, recorded := endedCall(1, schemas.Executing, 1), endedCall(2, schemas.OK, 2), endedCall(3, schemas.OK, 1)
	h.live.tell(func(f *fakeSource) {
		f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) {
			for _, c := range []schemas.CallResource{queued, live} {
				if c.RequestID == q.ID.String() && q.Account == defaultAccount {
					return c, nil
				}
			}
			return schemas.CallResource{}, schemas.ErrUnknown
		}
	})
	h.record.tell(func(f *fakeSource) {
		f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) {
			if q.ID.String() == recorded.RequestID {
				return recorded, nil
			}
			return schemas.CallResource{}, schemas.ErrUnknown
		}
	})
	const nobodys = "018f4c1e-7c1a-7b5e-9d55-0242ac120999"
	for filter, want := range map[string][]string{
		where("RequestID", "equals", live.RequestID):                                                                 {"b0.0OK b1.0OK"},
		where("RequestID", "equals", strings.ToUpper(recorded.RequestID)):                                            {"c0.0OK"},
		where("RequestID", "equals", queued.RequestID):                                                               {""},
		where("RequestID", "equals", nobodys):                                                                        {""},
		where("RequestID", "equals", "order-1"):                                                                      {""},
		where("RequestID", "IN", queued.RequestID, live.RequestID, nobodys, recorded.RequestID):                      {"b0.0OK b1.0OK c0.0OK"},
		where("RequestID", "IN", live.RequestID, recorded.RequestID) + `<Options><BatchSize>1</BatchSize></Options>`: {"b0.0OK", "b1.0OK", "c0.0OK"},
	} {
		if got := h.retrieved(t, allItems+filter); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	if got := h.retrieved(t, allMessages+where("RequestID", "IN", live.RequestID, queued.RequestID, recorded.RequestID)); !slices.Equal(got, []string{"2OK 3OK"}) {
		t.Errorf("messages %q", got)
	}
	h.live.tell(func(f *fakeSource) { f.answers.request, f.err = nil, schemas.ErrUnavailable })
	h.record.tell(func(f *fakeSource) { f.answers.request, f.err = nil, schemas.ErrUnavailable })
	r, _ := h.partnerPost(t, "Retrieve", `<RetrieveRequestMsg><RetrieveRequest>`+allItems+where("RequestID", "equals", nobodys)+`</RetrieveRequest></RetrieveRequestMsg>`)
	if r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), "soap:Server") || r.header.Get("Retry-After") == "" {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestRetrieveByConversation(t *testing.T) {
	t.Parallel()
	h := start(t)
	calls := []schemas.CallResource{endedCall(1, schemas.OK, 2), endedCall(2, schemas.Error, 1), endedCall(3, schemas.NotProcessed, 1), endedCall(4, schemas.Executing, 1)}
	for i := 1; i < len(calls); i++ {
		calls[i].Results[0].Status = schemas.Error
	}
	h.live.tell(func(f *fakeSource) {
		f.answers.conversation = func(q schemas.ConversationQuery) (schemas.ConversationResource, error) {
			if q.ID != "order-1" {
				return schemas.ConversationResource{}, schemas.ErrUnknown
			}
			r := schemas.ConversationResource{ConversationID: q.ID, Account: q.Account, Status: schemas.ConversationError}
			rest := calls[min(int(q.After), len(calls)):]
			if len(rest) > 2 { // pages of two calls
				rest, r.Next = rest[:2], rest[1].SequenceCode
			}
			r.Calls = rest
			return r, nil
		}
	})
	filter := where("ConversationID", "IN", "nobody's", "", strings.Repeat("x", 201), "order-1", "nor this")
	if got := h.retrieved(t, allItems+filter); !slices.Equal(got, []string{"a0.0OK a1.0OK b0.0Error c0.0Error"}) {
		t.Errorf("items %q", got)
	}
	if got := h.retrieved(t, allMessages+filter); !slices.Equal(got, []string{"1OK 2Error 3Error"}) {
		t.Errorf("messages %q", got)
	}
	for size := 1; size <= 4; size++ {
		got := h.retrieved(t, fmt.Sprintf("%s%s<Options><BatchSize>%d</BatchSize></Options>", allItems, filter, size))
		if strings.Join(got, " ") != "a0.0OK a1.0OK b0.0Error c0.0Error" || len(got) != (4+size-1)/size {
			t.Errorf("pages of %d: %q", size, got)
		}
	}
}

// What neither names calls nor conversations is searched in the record, with as much of the filter as that knows.
func TestRetrieveFromTheRecord(t *testing.T) {
	t.Parallel()
	h := start(t)
	var rows []schemas.RecordedResult
	byID := map[string]schemas.CallResource{}
	for sequence := int32(1); sequence <= 4; sequence++ {
		c := endedCall(sequence, schemas.OK, 3)
		byID[c.RequestID] = c
		for _, r := range c.Results {
			rows = append(rows, schemas.RecordedResult{
				Account: defaultAccount, RequestID: mustParse(t, c.RequestID), ConversationID: c.ConversationID, SequenceCode: sequence, Ordinal: int32(r.Ordinal),
				CorrelationID: r.CorrelationID, Method: c.Method, ObjectType: r.ObjectType, Status: r.Status, AcceptedAt: c.AcceptedAt, CompletedAt: c.CompletedAt,
				Sequence: fmt.Sprintf("0-%d", sequence),
			})
		}
	}
	var asked []schemas.ResultsQuery
	h.record.tell(func(f *fakeSource) {
		f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) { return byID[q.ID.String()], nil }
		f.answers.results = func(q schemas.ResultsQuery) (schemas.ResultsPage, error) {
			asked = append(asked, q)
			first := 3 * int(q.After.Sequence(0))
			if p := q.After.Part; p != nil {
				first += int(p.Ordinal) + 1
			}
			last := min(first+q.Limit, len(rows))
			page := schemas.ResultsPage{Results: rows[first:last], Cursor: schemas.Cursor{Sequences: []int64{int64(last / 3)}}, More: last < len(rows)}
			if n := last % 3; n > 0 {
				page.Cursor.Part = &schemas.CursorPart{Sequence: int64(last/3) + 1, Ordinal: int32(n - 1)}
			}
			return page, nil
		}
	})
	const all = "a0.0OK a1.0OK a2.0OK b0.0OK b1.0OK b2.0OK c0.0OK c1.0OK c2.0OK d0.0OK d1.0OK d2.0OK"
	for _, size := range []int{1, 2, 5, 11, 12, 2500} {
		got := h.retrieved(t, fmt.Sprintf("%s<Options><BatchSize>%d</BatchSize></Options>", allItems, size))
		if strings.Join(got, " ") != all || len(got) != (12+size-1)/size {
			t.Errorf("pages of %d: %q", size, got)
		}
		messages := h.retrieved(t, fmt.Sprintf("%s<Options><BatchSize>%d</BatchSize></Options>", allMessages, size))
		if got := strings.Fields(strings.Join(messages, " ")); !slices.Equal(got, []string{"1OK", "2OK", "3OK", "4OK"}) {
			t.Errorf("messages, in pages of %d: %q", size, messages)
		}
	}
	// The record searches for what it knows; the rest is left out of what it finds, and the answer is full all the same.
	asked = nil
	if got := h.retrieved(t, allItems+where("OrdinalID", "equals", "2")+`<Options><BatchSize>2</BatchSize></Options>`); strings.Join(got, " ") != "a2.0OK b2.0OK c2.0OK d2.0OK" || got[0] != "a2.0OK b2.0OK" {
		t.Errorf("of ordinal 2: %q", got)
	}
	asked = nil
	h.retrieved(t, allItems+where("ModifiedDate", "greaterThan", "2026-12-01T08:00:00Z"))
	if want := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC); len(asked) != 1 || !asked[0].From.Equal(want) || asked[0].Account != defaultAccount || asked[0].Limit != 2500 {
		t.Errorf("asked for %+v", asked)
	}
	h.record.tell(func(f *fakeSource) {
		f.answers.results = func(schemas.ResultsQuery) (schemas.ResultsPage, error) {
			return schemas.ResultsPage{}, schemas.ErrTooMuch
		}
	})
	if r, _ := h.partnerPost(t, "Retrieve", `<RetrieveRequestMsg><RetrieveRequest>`+allItems+`</RetrieveRequest></RetrieveRequestMsg>`); r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), "shorter period") {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

// A Retrieve that takes long answers with what it has, of which there is always something new.
func TestRetrieveTakesItsTime(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	h := start(t, func(cfg *Config) {
		cfg.Now = func() time.Time {
			return time.Unix(1_790_000_000, 0).Add(time.Duration(asked.Add(1)) * (retrieveTime + 1))
		}
	})
	calls := map[string]schemas.CallResource{}
	var ids []string
	for sequence := range int32(3) {
		c := endedCall(sequence+1, schemas.OK, 1)
		calls[c.RequestID] = c
		ids = append(ids, c.RequestID)
	}
	h.live.tell(func(f *fakeSource) {
		f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) { return calls[q.ID.String()], nil }
		f.answers.conversation = func(q schemas.ConversationQuery) (schemas.ConversationResource, error) {
			r := schemas.ConversationResource{Calls: []schemas.CallResource{calls[ids[q.After]]}}
			if q.After < 2 {
				r.Next = q.After + 1
			}
			return r, nil
		}
	})
	for _, filter := range []string{where("RequestID", "IN", ids...), where("ConversationID", "equals", "order-1")} {
		if got := h.retrieved(t, allItems+filter); !slices.Equal(slices.DeleteFunc(got, func(page string) bool { return page == "" }), []string{"a0.0OK", "b0.0OK", "c0.0OK"}) {
			t.Errorf("%s: %q", filter, got)
		}
	}
}

func TestRetrieveRefusedWithStatus200(t *testing.T) {
	t.Parallel()
	h := start(t)
	for members, want := range map[string]string{
		`<ObjectType>List</ObjectType>`:                     "Error: Unable to find a handler for object type: List. Object types are case-sensitive, check spelling.",
		allItems + `<Properties>Colour</Properties>`:        "Error: The Request Property(s) Colour",
		allItems + where("RequestID", "isAnniversary", "x"): "Error: the Filter has the operator",
		`<ContinueRequest>` + someID + `</ContinueRequest>`: "Error: the ContinueRequest",
	} {
		r, a := h.partnerPost(t, "Retrieve", `<RetrieveRequestMsg><RetrieveRequest>`+members+`</RetrieveRequest></RetrieveRequestMsg>`)
		if r.status != http.StatusOK || !strings.HasPrefix(a.OverallStatus, want) || a.RequestID == "" || len(a.Results) > 0 {
			t.Errorf("%s: status %d: %s", members, r.status, r.body)
		}
	}
}

func TestPartnerSystemStatus(t *testing.T) {
	t.Parallel()
	h := start(t)
	status := func() string {
		t.Helper()
		r, a := h.partnerPost(t, "GetSystemStatus", `<SystemStatusRequestMsg></SystemStatusRequestMsg>`)
		if r.status != http.StatusOK || a.OverallStatus != "OK" || !strings.Contains(string(r.body), "System Status Retrieved") {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		return a.Results[0].SystemStatus
	}
	if got := status(); got != "OK" {
		t.Error(got)
	}
	for cause, want := range map[schemas.OutageCause]string{schemas.OutageCircuit: "UnplannedOutage", schemas.OutageMaintenance: "InMaintenance"} {
		h.live.tell(func(f *fakeSource) {
			f.answers.outage = func(schemas.RouteQuery) (schemas.RouteOutage, error) { return schemas.RouteOutage{Cause: cause}, nil }
		})
		if got := status(); got != want {
			t.Errorf("%s: %s", cause, got)
		}
	}
	h.live.tell(func(f *fakeSource) {
		f.answers.outage = func(schemas.RouteQuery) (schemas.RouteOutage, error) {
			return schemas.RouteOutage{}, schemas.ErrUnavailable
		}
	})
	if got := status(); got != "UnplannedOutage" {
		t.Error(got)
	}
	if err := h.control.Begin(t.Context(), control.Maintenance{Route: "default", Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != "InMaintenance" {
		t.Error(got)
	}
}

func TestPartnerDescribesItself(t *testing.T) {
	t.Parallel()
	h := start(t, func(cfg *Config) { cfg.Version.Name = "v1.2.3" })
	if _, a := h.partnerPost(t, "VersionInfo", `<VersionInfoRequestMsg><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>`); a.Version != "v1.2.3" {
		t.Errorf("%+v", a)
	}
	_, a := h.partnerPost(t, "Describe", `<DefinitionRequestMsg><DescribeRequests><ObjectDefinitionRequest><ObjectType>ResultItem</ObjectType></ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>`)
	if len(a.Definitions) != 1 || len(a.Definitions[0].Properties) < 10 {
		t.Errorf("%+v", a)
	}
}

// What an extract is told to be fetched from is there, for whoever asked.
func TestPartnerExtract(t *testing.T) {
	t.Parallel()
	h := start(t)
	ask := func(id, name, value string) (reply, partnerAnswer) {
		return h.partnerPost(t, "Extract", `<ExtractRequestMsg><Requests><ID>`+id+`</ID><Options/><Parameters><Parameter><Name>`+name+`</Name><Value>`+value+`</Value></Parameter></Parameters></Requests></ExtractRequestMsg>`)
	}
	_, a := ask("AsyncResults", "Format", "jsonl")
	path, ours := strings.CutPrefix(a.Results[0].StatusMessage, h.url)
	if a.OverallStatus != "OK" || !ours {
		t.Fatalf("%+v", a)
	}
	if r := h.get(t, path); r.status != http.StatusOK || r.header.Get("Content-Type") != schemas.ExtractJSONL.MediaType() {
		t.Errorf("%s: status %d: %s", path, r.status, r.body)
	}
	for _, wrong := range [][3]string{{"AsyncResults", "Format", "xlsx"}, {"AsyncResults", "Status", "HasErrors"}, {"Other", "Format", "csv"}} {
		if r, a := ask(wrong[0], wrong[1], wrong[2]); r.status != http.StatusOK || a.OverallStatus != "Error" || a.Results[0].ErrorCode == 0 {
			t.Errorf("%v: %s", wrong, r.body)
		}
	}
	if r, _ := h.partnerPost(t, "Extract", `<ExtractRequestMsg></ExtractRequestMsg>`); r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), "soap:Client") {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}
