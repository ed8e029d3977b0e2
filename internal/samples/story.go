package samples

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// PartsMax is the length of the longest conversation.
const PartsMax = 5

// story is the calls of one conversation in their order; any number of them from the first is a story, too.
type story func(r *rand.Rand, number int) []call

// morning is when the first order of the file was placed.
func morning() time.Time { return time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC) }

// orderStory is an order, from its rows to the message that it is on its way.
func orderStory(r *rand.Rand, number int) []call {
	who := person(r, number)
	key := fmt.Sprintf("order-%d", number)
	placed := morning().Add(time.Duration(number%10_000) * 7 * time.Second)
	create := call{Method: "Create", Objects: []object{row(key, "Orders",
		property{"Email", who.email()}, property{"Total", price(r)}, property{"PlacedAt", placed}, property{"Status", "New"})}}
	for item := range 1 + r.IntN(2) {
		create.Objects = append(create.Objects, row(fmt.Sprintf("%s-%d", key, item+1), "OrderItems",
			property{"Sku", choose(r, "MUG-350-BLU", "TEE-M-GRY", "CAP-ONE-BLK", "BAG-20L-OLV")}, property{"Quantity", 1 + r.IntN(4)}))
	}
	return []call{
		create,
		send(key+"-confirmation", "OrderConfirmation", who),
		update(row(key, "Orders", property{"Status", "Paid"}, property{"PaidBy", choose(r, "card", "invoice", "transfer")})),
		update(row(key, "Orders", property{"Status", "Shipped"}, property{"Tracking", fmt.Sprintf("1Z%09d", r.IntN(1_000_000_000))})),
		send(key+"-shipped", "OrderShipped", who),
	}
}

// signupStory is a new subscriber, up to the start of the welcome journey.
func signupStory(r *rand.Rand, number int) []call {
	who := person(r, number)
	subscriber := func(ps ...property) object {
		return object{Type: "Subscriber", SubscriberKey: who.email(), Properties: ps}
	}
	return []call{
		create(subscriber(property{"EmailAddress", who.email()}, property{"FirstName", who.first}, property{"LastName", who.last}, property{"Status", "Active"})),
		create(row(fmt.Sprintf("preferences-%d", number), "Preferences",
			property{"Language", choose(r, "de", "en", "fr", "es")}, property{"Newsletter", r.IntN(2) == 0})),
		send(fmt.Sprintf("welcome-%d", number), "Welcome", who),
		update(subscriber(property{"City", choose(r, "Bremen", "Lyon", "Malmö", "Porto", "Graz")})),
		perform("start", object{Type: "Automation", CustomerKey: "welcome-journey"}),
	}
}

// campaignStory is a campaign, from its message to its start and the end of its list.
func campaignStory(r *rand.Rand, number int) []call {
	name := fmt.Sprintf("%s %d", choose(r, "Winter sale", "New arrivals", "Last chance", "Members only"), number)
	key := fmt.Sprintf("campaign-%d", number)
	return []call{
		create(object{Type: "Email", CustomerKey: key + "-email", Properties: properties{{"Name", name}, {"Subject", name + " – just for you"}}}),
		create(object{Type: "List", CustomerKey: key + "-list", Properties: properties{{"ListName", name}, {"Members", 100 + r.IntN(90_000)}}}),
		create(object{Type: "EmailSendDefinition", CustomerKey: key, Properties: properties{{"Name", name}, {"Email", key + "-email"}, {"List", key + "-list"}}}),
		perform("start", object{Type: "EmailSendDefinition", CustomerKey: key}),
		{Method: "Delete", Objects: []object{{Type: "List", CustomerKey: key + "-list"}}},
	}
}

func create(o object) call { return call{Method: "Create", Objects: []object{o}} }
func update(o object) call { return call{Method: "Update", Objects: []object{o}} }

func perform(action string, o object) call {
	return call{Method: "Perform", Action: action, Objects: []object{o}}
}

// row is a row of a data extension.
func row(key, extension string, ps ...property) object {
	return object{Type: "DataExtensionObject", CustomerKey: key, Properties: append(properties{{"DataExtension", extension}}, ps...)}
}

// send is a triggered send: a mail to one person, whose data it is (parley erase).
func send(key, definition string, to somebody) call {
	return create(object{Type: "TriggeredSend", CustomerKey: key, SubscriberKey: to.email(),
		Properties: properties{{"TriggeredSendDefinition", definition}}})
}

type somebody struct {
	first, last string
	number      int
}

func person(r *rand.Rand, number int) somebody {
	return somebody{
		first:  choose(r, "Ada", "Ben", "Chiara", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas"),
		last:   choose(r, "Adler", "Brandt", "Costa", "Dupont", "Eriksen", "Fischer", "Grant", "Haddad", "Ivanov", "Jansen"),
		number: number,
	}
}

func (s somebody) email() string {
	return fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(s.first), strings.ToLower(s.last), s.number)
}

func price(r *rand.Rand) string { return fmt.Sprintf("%d.%02d", 5+r.IntN(250), r.IntN(100)) }

func choose(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }
