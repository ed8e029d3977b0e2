package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const (
	webhooksPath       = "/v1/webhooks"
	webhookSecretsPath = webhooksPath + "/secrets"
	webhookEnablePath  = webhooksPath + "/enable"
)

// Callbacks knows and changes what is agreed on about the callbacks of accounts. What changes returns when the change is
// kept; its error says that nobody knows, and the same may be asked for again.
type Callbacks interface {
	// CatchUp returns when everything is known here that was kept by any node when it was called.
	CatchUp(ctx context.Context) error
	// CallbackSecrets are those that sign the callbacks of an account; the first is made when there is none.
	CallbackSecrets(ctx context.Context, of string) (account.CallbackSecrets, error)
	PutCallbackSecrets(ctx context.Context, s account.CallbackSecrets) error
	// DisabledTargets are the addresses that get no callbacks of an account.
	DisabledTargets(of string) []*account.DisabledTarget
	EnableTarget(ctx context.Context, of, address string) error
}

// getWebhooks answers what the account's callbacks are signed with, and which of its targets are disabled. Whoever may
// submit names the targets, and so may have what they believe callbacks by.
func (s *Server) getWebhooks(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	secrets, err := s.callbackSecrets(c, who)
	if err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, secrets)
}

// postWebhookSecret makes a secret in place of those before, which go on signing for a while.
func (s *Server) postWebhookSecret(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	rotation, p := schemas.DecodeWebhookRotation(body)
	if p != nil {
		return p
	}
	detail(c, slog.Duration("overlap", rotation.Overlap()))
	return s.changeSecrets(c, http.StatusCreated, who, func(old account.CallbackSecrets) (account.CallbackSecrets, error) {
		return old.Rotate(s.now().UTC(), rotation.Overlap(), who.String())
	})
}

// deleteWebhookSecret ends a secret that was replaced before its time.
func (s *Server) deleteWebhookSecret(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	id := c.Param("id")
	detail(c, slog.String("secret", id))
	return s.changeSecrets(c, http.StatusOK, who, func(old account.CallbackSecrets) (account.CallbackSecrets, error) {
		return old.Retire(id, s.now().UTC(), who.String())
	})
}

// postWebhookEnabling has a target called again; when it is not disabled, that is fine.
func (s *Server) postWebhookEnabling(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	asked, p := schemas.DecodeWebhookEnabling(body)
	if p != nil {
		return p
	}
	err = s.control(c, func(ctx context.Context) error {
		return s.callbacks.EnableTarget(ctx, who.Account, asked.ResponseAddress)
	})
	if err != nil {
		return err
	}
	secrets, err := s.callbackSecrets(c, who)
	if err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, secrets)
}

// changeSecrets changes the secrets of an account, and answers what they are then.
func (s *Server) changeSecrets(c echo.Context, status int, who account.Caller, change func(account.CallbackSecrets) (account.CallbackSecrets, error)) error {
	s.changingSecrets.Lock() // of two that are asked of this process at once, the later one sees the earlier
	defer s.changingSecrets.Unlock()
	if err := s.control(c, s.callbacks.CatchUp); err != nil { // or a change by another node, a moment ago, would be undone
		return err
	}
	old, err := s.callbackSecrets(c, who)
	if err != nil {
		return err
	}
	changed, err := change(old)
	switch {
	case errors.Is(err, account.ErrNoCallbackSecret):
		return &schemas.Problem{Code: schemas.NotFound, Detail: fmt.Sprintf("%v; GET %s has them", err, webhooksPath)}
	case err != nil:
		return &schemas.Problem{Code: schemas.InvalidParameter, Detail: err.Error()}
	}
	if err := s.control(c, func(ctx context.Context) error { return s.callbacks.PutCallbackSecrets(ctx, changed) }); err != nil {
		return err
	}
	return s.answerWebhooks(c, status, changed)
}

// callbackSecrets are those of the account of who asks.
func (s *Server) callbackSecrets(c echo.Context, who account.Caller) (secrets account.CallbackSecrets, err error) {
	err = s.control(c, func(ctx context.Context) error {
		secrets, err = s.callbacks.CallbackSecrets(ctx, who.Account)
		return err
	})
	return secrets, err
}

// answerWebhooks shows secrets to who may have them, and to no cache.
func (s *Server) answerWebhooks(c echo.Context, status int, secrets account.CallbackSecrets) error {
	r := schemas.WebhooksResource{Account: secrets.Account, Secrets: []schemas.WebhookSecretResource{}, DisabledTargets: []schemas.DisabledTargetResource{}}
	for _, secret := range secrets.Good(s.now()) {
		shown := schemas.WebhookSecretResource{ID: secret.ID(), Secret: secret.Text(), CreatedAt: secret.Created}
		if !secret.Retires.IsZero() {
			shown.RetiresAt = &secret.Retires
		}
		r.Secrets = append(r.Secrets, shown)
	}
	for _, d := range s.callbacks.DisabledTargets(secrets.Account) {
		r.DisabledTargets = append(r.DisabledTargets, schemas.DisabledTargetResource{ResponseAddress: d.Address, DisabledAt: d.Since})
	}
	slices.SortFunc(r.DisabledTargets, func(a, b schemas.DisabledTargetResource) int {
		return cmp.Compare(a.ResponseAddress, b.ResponseAddress)
	})
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return answer(c, status, mimeJSON, r)
}
