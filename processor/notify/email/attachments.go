package email

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"

	"parley/internal/mail"
	"parley/processor/notify"
)

// attachments are the results of a notification, in both forms.
func attachments(n *notify.Notification) ([]mail.Attachment, error) {
	packed, err := resultsZip(n)
	if err != nil {
		return nil, err
	}
	return []mail.Attachment{
		{Name: "Results.zip", Type: "application/zip", Content: packed},
		{Name: "results.json", Type: "application/json", Content: n.Body},
	}, nil
}

// resultsZip is Results.xml, packed. Its bytes are the same at each attempt.
func resultsZip(n *notify.Notification) ([]byte, error) {
	document, err := xml.MarshalIndent(resultsOf(n), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write Results.xml: %w", err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "Results.xml", Method: zip.Deflate, Modified: n.Timestamp.UTC()})
	if err == nil {
		_, err = w.Write(append([]byte(xml.Header), document...))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack Results.xml: %w", err)
	}
	return b.Bytes(), nil
}
