package publish_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest/publish"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Two calls of a conversation, one of its own and one that is wrong go straight to Kafka, and are polled by HTTP.
func Example() {
	conversation, calls := "order-1234", int32(2)
	part := func(sequenceCode int32) *parleyv1.Call {
		return &parleyv1.Call{
			Account: "acme",
			Method:  "Create",
			Objects: []*parleyv1.Object{{Type: "Order", CustomerKey: fmt.Sprintf("row-%d", sequenceCode)}},
			Options: &parleyv1.Options{ConversationId: &conversation, SequenceCode: &sequenceCode, CallsInConversation: &calls},
		}
	}
	alone := &parleyv1.Call{Account: "acme", Method: "Delete", Objects: []*parleyv1.Object{{Type: "Order", CustomerKey: "row-9"}}}
	wrong := &parleyv1.Call{Account: "acme", Method: "Destroy", Objects: []*parleyv1.Object{{Type: "Order", CustomerKey: "row-9"}}}

	ids, err := send(context.Background(), part(2), part(1), alone, wrong)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range ids {
		fmt.Println(poll(id.String()))
	}

	// Output:
	// OK row-2
	// OK row-1
	// OK row-9
	// Rejected row-9 UnknownMethod
}

// send produces calls, and returns the ids under which they can be polled.
func send(ctx context.Context, calls ...*parleyv1.Call) ([]schemas.RequestID, error) {
	client, err := kgo.NewClient(append(publish.Options(), kgo.SeedBrokers(brokers...))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	partitions, err := publish.Partitions(ctx, client, "parley")
	if err != nil {
		return nil, err
	}
	producer := publish.Producer{Partitions: partitions}
	var ids []schemas.RequestID
	for _, call := range calls {
		message, err := producer.Message(call)
		if err != nil {
			return nil, err
		}
		if err := client.ProduceSync(ctx, message.Record).FirstErr(); err != nil {
			return nil, err // to produce the same record again is safe
		}
		ids = append(ids, message.RequestID)
	}
	return ids, nil
}

// poll waits for the end of a call of the account acme.
func poll(requestID string) string {
	request, err := http.NewRequest(http.MethodGet, url+"/v1/requests/"+requestID+"?wait=30s", nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Parley-Account", "acme") // with API keys: Authorization: Bearer KEY
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var call struct {
		Status, ErrorCode string
		Results           []struct{ CustomerKey string }
	}
	if err := json.NewDecoder(response.Body).Decode(&call); err != nil || response.StatusCode != http.StatusOK {
		return response.Status
	}
	return strings.TrimSpace(call.Status + " " + call.Results[0].CustomerKey + " " + call.ErrorCode)
}
