package relay

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave has the group give the partitions of a static member to others now (KIP-345). A client that is closed leaves by itself unless
// it is one: that has its partitions kept for when it comes back. A relay keeps nothing that would make this worth the wait, and may
// never come back under its name. After a crash, which leaves nothing, it still has them again at once.
func (r *Relay) leave(ctx context.Context, client *kgo.Client) {
	instance, ok := client.OptValue(kgo.InstanceID).(string)
	if !ok || instance == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	id, _ := client.GroupMetadata()
	err := client.LeaveGroupContext(ctx) // or it would join again
	if err == nil && id != "" {
		err = dismiss(ctx, client, r.cfg.Group, id, instance)
	}
	if err != nil {
		r.cfg.Log.Debug("group was not left", "group", r.cfg.Group, "error", err)
	}
}

// dismiss takes a member, and no later one of the same name, out of a group.
func dismiss(ctx context.Context, client *kgo.Client, group, id, instance string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID, member.InstanceID = id, &instance
	req.Members = append(req.Members, member)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
