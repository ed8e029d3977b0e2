package kafka

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errRefused = errors.New("records are refused")

// produceHook looks at every Produce request.
type produceHook struct {
	cluster *kfake.Cluster
	stamper *stamper
	disk    *disk

	// last is when records last came in, in nanoseconds since 1970.
	last atomic.Int64

	// gate is held while a request is looked at, and by those who want no records to come in.
	gate    sync.Mutex
	closing bool // under gate
}

// handle puts the broker's time on what comes in, or refuses it.
func (h *produceHook) handle(r kmsg.Request) (resp kmsg.Response, err error, handled bool) { //nolint:revive // kfake's signature
	req, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return nil, fmt.Errorf("%T is not a produce request", r), true
	}
	h.gate.Lock()
	defer h.gate.Unlock()
	if h.closing {
		return refuse(req, "The broker is closing.")
	}
	now := time.Now()
	h.last.Store(now.UnixNano())
	if !h.disk.room(purposeOf(req)) {
		return refuse(req, "The disk is full.")
	}
	h.stampAll(req, now.UnixMilli())
	return nil, nil, false
}

// close refuses all further records, and waits for the request that is being looked at.
func (h *produceHook) close() {
	h.gate.Lock()
	defer h.gate.Unlock()
	h.closing = true
}

// idleFor is how long ago the last records came in.
func (h *produceHook) idleFor(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, h.last.Load()))
}

func (h *produceHook) stampAll(req *kmsg.ProduceRequest, at int64) {
	for i := range req.Topics {
		t := &req.Topics[i]
		if !h.brokerTime(req.Version, t) {
			continue
		}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			batch, err := h.stamper.stamp(p.Records, at)
			if err != nil {
				batch = nil // kfake answers CORRUPT_MESSAGE for this partition alone
			}
			p.Records = batch
		}
	}
}

// brokerTime says whether the topic has LogAppendTime. Asking costs a few microseconds a request and
// follows every change of the topic's settings.
func (h *produceHook) brokerTime(version int16, t *kmsg.ProduceRequestTopic) bool {
	var info *kfake.TopicInfo
	if version >= 13 {
		info = h.cluster.TopicIDInfo(t.TopicID)
	} else {
		info = h.cluster.TopicInfo(t.Topic)
	}
	if info == nil {
		return false
	}
	kind := info.Configs["message.timestamp.type"]
	return kind != nil && *kind == "LogAppendTime"
}

func purposeOf(req *kmsg.ProduceRequest) purpose {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			if transactional(p.Records) {
				return workInHand
			}
		}
	}
	return newWork
}

// refuse answers every partition of req with KAFKA_STORAGE_ERROR, which tells the client that nothing was
// written and that it may try again. A client that wants no answer (acks=0) is hung up on.
func refuse(req *kmsg.ProduceRequest, message string) (resp kmsg.Response, err error, handled bool) { //nolint:revive // kfake's signature
	if req.Acks == 0 {
		return nil, errRefused, true
	}
	produced := kmsg.NewPtrProduceResponse()
	produced.SetVersion(req.GetVersion())
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition = p.Partition
			rp.ErrorCode = kerr.KafkaStorageError.Code
			rp.ErrorMessage = &message
			rt.Partitions = append(rt.Partitions, rp)
		}
		produced.Topics = append(produced.Topics, rt)
	}
	return produced, nil, true
}
