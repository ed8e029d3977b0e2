package email

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"

	"parley/internal/mail"
	"parley/processor/notify"
)

// attachments are the results of a notification: Results.zip, and unless a call by SOAP has named the receiver results.json, too.
func attachments(n *notify.Notification) ([]mail.Attachment, error) {
	packed, err := resultsZip(n)
	if err != nil {
		return nil, err
	}
	files := []mail.Attachment{{Name: "Results.zip", Type: "application/zip", Content: packed}}
	if !n.Soap {
		files = append(files, mail.Attachment{Name: "results.json", Type: "application/json", Content: n.Body})
	}
	return files, nil
}

// resultsZip is Results.xml, packed. Its bytes are the same at each attempt.
func resultsZip(n *notify.Notification) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "Results.xml", Method: zip.Deflate, Modified: n.Timestamp.UTC()})
	if err == nil {
		_, err = w.Write(n.AppendXML([]byte(xml.Header)))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack Results.xml: %w", err)
	}
	return b.Bytes(), nil
}
