package ingest

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is what the process that plays the clients is to send: the bodies of benchBody, one after the other.
type load struct {
	// Address is where the server listens.
	Address string
	// Lines is how many calls a body has: 1, a call; more, NDJSON.
	Lines int
	// SOAP: the call of each body goes to the partner API, in an envelope.
	SOAP bool
	// Requests is how many are sent in all.
	Requests int
	// Clients is how many connections there are; each waits for an answer before it sends again.
	Clients int
	// Rate is how many requests begin a second, whatever has been answered: then one that finds all connections busy
	// waits for the first that is free, and its latency counts from when it should have been sent. Zero: each client
	// sends as soon as it has its answer.
	Rate float64
	// Idle is how many connections are opened first that have one answer each, and are open until the process ends.
	Idle int
}

// measured is what came of a load.
type measured struct {
	Took           time.Duration
	P50, P99, P999 time.Duration
}

// runClients is what the process does: it reads a load, sends it, and writes what it measured.
func runClients() error {
	var l load
	if err := gob.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	idle, err := l.idle()
	if err != nil {
		return err
	}
	m, err := l.run()
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(os.Stdout).Encode(m); err != nil {
		return err
	}
	for _, conn := range idle { // until they are closed, or this process is killed
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
	}
	return nil
}

func (l load) run() (measured, error) {
	if l.Requests == 0 {
		return measured{}, nil
	}
	took := make([]time.Duration, l.Requests)
	errs := make([]error, l.Clients)
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range l.Clients {
		wg.Go(func() { errs[i] = l.client(began, &next, took) })
	}
	wg.Wait()
	m := measured{Took: time.Since(began)}
	slices.Sort(took)
	m.P50, m.P99, m.P999 = took[l.Requests*500/1000], took[l.Requests*990/1000], took[l.Requests*999/1000]
	return m, errors.Join(errs...)
}

// idle opens the connections that do nothing any more.
func (l load) idle() ([]net.Conn, error) {
	all := make([]net.Conn, l.Idle)
	for i := range all {
		conn, err := net.Dial("tcp", l.Address)
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write(appendRequest(nil, int64(i), 1)); err != nil {
			return nil, err
		}
		if err := readAccepted(bufio.NewReader(conn), "202"); err != nil {
			return nil, err
		}
		all[i] = conn
	}
	return all, nil
}

// client sends, on one connection, the requests that no other has begun.
func (l load) client(began time.Time, next *atomic.Int64, took []time.Duration) error {
	conn, err := net.Dial("tcp", l.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	var request []byte
	answers, accepted := bufio.NewReader(conn), "202"
	if l.SOAP {
		accepted = "200"
	}
	for n := next.Add(1) - 1; n < int64(l.Requests); n = next.Add(1) - 1 {
		sent := time.Now()
		if l.Rate > 0 {
			sent = began.Add(time.Duration(float64(n) / l.Rate * float64(time.Second)))
			<-time.After(time.Until(sent))
		}
		if l.SOAP {
			request = appendEnvelope(request[:0], n)
		} else {
			request = appendRequest(request[:0], n, l.Lines)
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := readAccepted(answers, accepted); err != nil {
			return err
		}
		took[n] = time.Since(sent)
	}
	return nil
}

// appendRequest appends a POST of the nth body.
func appendRequest(b []byte, n int64, lines int) []byte {
	media := mimeJSON
	if lines > 1 {
		media = mimeNDJSON
	}
	b = append(b, "POST "+callsPath+" HTTP/1.1\r\nHost: parley\r\nContent-Type: "+media+"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(lines*benchLineBytes), 10)
	b = append(b, "\r\n\r\n"...)
	for i := range int64(lines) {
		b = appendBenchLine(b, n*int64(lines)+i)
	}
	return b
}

// appendEnvelope appends a POST of the nth call as a client of the partner API sends it.
func appendEnvelope(b []byte, n int64) []byte {
	const (
		head = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Header>` +
			`<fueloauth xmlns="http://exacttarget.com">token</fueloauth></soapenv:Header><soapenv:Body><CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><RequestType>Asynchronous</RequestType>`
		format = `<ConversationID>order-%d</ConversationID><SequenceCode>%d</SequenceCode><CallsInConversation>3</CallsInConversation></Options><Objects xsi:type="DataExtensionObject"><CustomerKey>row-%d</CustomerKey>` +
			`<CorrelationID>a</CorrelationID><Properties><Property><Name>Email</Name><Value>user%d@example.com</Value></Property><Property><Name>Text</Name><Value>%s</Value></Property></Properties></Objects>`
		tail = `</CreateRequest></soapenv:Body></soapenv:Envelope>`
	)
	from := int(n * 251 % int64(len(noise)-benchLineBytes))
	body := fmt.Sprintf(head+format+tail, n/3, n%3+1, n, n, noise[from:from+benchLineBytes/2])
	b = append(b, "POST "+partnerPath+" HTTP/1.1\r\nHost: parley\r\nContent-Type: text/xml\r\nSOAPAction: \"Create\"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

// benchLineBytes is the length of a call with the end of its line.
const benchLineBytes = 501

// appendBenchLine appends the nth of many calls, a part of a conversation, and the end of a line. Half of it is text
// that does not compress.
func appendBenchLine(b []byte, n int64) []byte {
	end := len(b) + benchLineBytes
	b = append(b, `{"method":"Create","options":{"conversationId":"order-`...)
	b = strconv.AppendInt(b, n/3, 10)
	b = append(b, `","sequenceCode":`...)
	b = strconv.AppendInt(b, n%3+1, 10)
	b = append(b, `,"callsInConversation":3},"objects":[{"type":"DataExtensionObject","customerKey":"row-`...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, `","correlationId":"a","properties":{"Email":"user`...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, `@example.com","Text":"`...)
	const tail = "\"}}]}\n"
	rest := end - len(tail) - len(b)
	from := int(n * 251 % int64(len(noise)-benchLineBytes))
	return append(append(b, noise[from:from+rest]...), tail...)
}

// noise is letters and digits in no order, the same in every process.
var noise = func() string {
	text := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range text {
		text[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"[r.Uint32()%64]
	}
	return string(text)
}()

// readAccepted reads an answer, which has the status wanted.
func readAccepted(r *bufio.Reader, status string) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+status+" ")) {
		return fmt.Errorf("answer %q", line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = r.Discard(length)
	return err
}
