package processor

import (
	"fmt"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const (
	// audienceMax bounds the receivers of one end: each part of a conversation may name some. No call alone names as many.
	audienceMax = 100
	// untoldMax bounds those beyond them of whom each is recorded as one that is not told; more are counted.
	untoldMax = 800
)

// audience is whom the end of something is told to, each once.
type audience struct {
	// told are told of it; untold are not, as there are too many.
	told, untold []target
	// more is how often receivers were named beyond those.
	more int
	has  map[receiverKey]struct{}
}

// receiverKey is a receiver, and what it is told.
type receiverKey struct {
	responseType, address        string
	results, objects, base, soap bool
}

// add takes in those targets that hear of the end, and are not in it, while there is room.
func (a *audience) add(targets []target, hears func(schemas.RespondWhen) bool) {
	for _, t := range targets {
		if t.GetResponseType() == "None" || !hears(schemas.RespondWhen(t.GetRespondWhen())) {
			continue
		}
		one := receiverKey{t.ResponseType, t.ResponseAddress, t.withResults(), t.withObjects(), t.withBase(), t.soap}
		if _, known := a.has[one]; known {
			continue
		}
		switch {
		case len(a.told) < audienceMax:
			a.told = append(a.told, t)
		case len(a.untold) < untoldMax:
			a.untold = append(a.untold, t)
		default:
			a.more++
			continue
		}
		if a.has == nil {
			a.has = make(map[receiverKey]struct{})
		}
		a.has[one] = struct{}{}
	}
}

// recorded is of how many receivers the record says what came of it.
func (a *audience) recorded() int { return len(a.told) + len(a.untold) }

// untold takes down that some are not told of an event.
func (t *turn) untold(p *partTurn, about *parleyv1.ResultEvent, to audience) error {
	c, v := about.GetCall(), about.GetConversation()
	for i, target := range to.untold {
		message := fmt.Sprintf("the calls of the conversation name more than the %d receivers that an end is told to", audienceMax)
		if i == len(to.untold)-1 && to.more > 0 {
			message += fmt.Sprintf("; %d more that they name are not recorded", to.more)
		}
		t.deliveries = append(t.deliveries, endedDelivery{status: schemas.Undelivered})
		err := t.event(p, &parleyv1.ResultEvent{Account: about.Account, Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{
			RequestId:       c.GetRequestId() + v.GetRequestId(),
			ConversationId:  c.GetConversationId() + v.GetConversationId(),
			About:           about.Sequence,
			Type:            eventType(about),
			ResponseType:    target.ResponseType,
			ResponseAddress: target.ResponseAddress,
			Status:          string(schemas.Undelivered),
			ErrorCode:       string(schemas.TooManyReceivers),
			Message:         message,
			BegunAtMs:       schemas.MilliOf(t.now),
			CompletedAtMs:   schemas.MilliOf(t.now),
		}}})
		if err != nil {
			return err
		}
	}
	return nil
}
