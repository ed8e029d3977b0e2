package cli

import (
	"fmt"
	"io"
	"log/slog"

	"parley/internal/certs"
	"parley/internal/mail"
)

// mailAccessFlags say how mail servers are reached.
type mailAccessFlags struct {
	SMTPURL string `name:"smtp-url" env:"PARLEY_SMTP_URL" secret:"" placeholder:"URL" help:"Mail server by which callers are told who ask for it (responseType email), as smtp://user:password@mail.example.com:587, the same on all nodes; smtps:// for TLS from the beginning. Default: nobody is told by mail." group:"Mail"`
	SMTPCA  string `name:"smtp-ca" env:"PARLEY_SMTP_CA" placeholder:"FILE" help:"Authorities by which mail servers are verified, those of routes, too (PEM); it is read again when it changes. Default: those of the system." group:"Mail"`
}

// mailClient reaches mail servers.
func (f *mailAccessFlags) mailClient(stderr io.Writer) (mail.Client, error) {
	trust, err := certs.LoadClient(certs.ClientFiles{CA: f.SMTPCA}, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return mail.Client{}, fmt.Errorf("PARLEY_SMTP_CA: %w", err)
	}
	return mail.Client{TLS: trust.Config}, nil
}
