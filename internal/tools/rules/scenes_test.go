package rules

import (
	"strings"
	"time"
)

// scenes are two at least for each alert.
func scenes() []scene {
	const minute = time.Minute
	return []scene{
		{"ParleyBooksNotInOrder", `parley_audit_problems{partition="3", kind="ResultsMissing"} 0 2x10`, 2 * minute, true},
		{"ParleyBooksNotInOrder", `parley_audit_problems{partition="3", kind="ResultsMissing"} 0x10`, 2 * minute, false},

		{"ParleyNobodyAudits", `parley_audit_last_pass_timestamp_seconds 1x160`, 40 * minute, true},
		{"ParleyNobodyAudits", `up 1x160`, 40 * minute, true},
		{"ParleyNobodyAudits", `parley_audit_last_pass_timestamp_seconds 1+15x160`, 40 * minute, false},

		{"ParleyDeadLetters", `parley_processor_dead_total{instance="a"} 0x20 1x20`, 10 * minute, true},
		{"ParleyDeadLetters", `parley_sink_dead_total{instance="a"} 0x20 3x20`, 10 * minute, true},
		{"ParleyDeadLetters", `parley_processor_dead_total{instance="a"} 7x40`, 10 * minute, false},

		{"ParleyQueueLong", `parley_subscriber_queue_depth{subscriber="7"} 101x40
			parley_subscriber_queue_warn_depth{subscriber="7"} 100x40
			parley_subscriber_queue_depth{subscriber="8"} 5x40
			parley_subscriber_queue_warn_depth{subscriber="8"} 100x40`, 8 * minute, true},
		{"ParleyQueueLong", `parley_subscriber_queue_depth{subscriber="7"} 101x10 3x30
			parley_subscriber_queue_warn_depth{subscriber="7"} 100x40`, 8 * minute, false},

		{"ParleyQueueFull", `parley_subscriber_queue_depth{subscriber="7"} 1001x40
			parley_subscriber_queue_full_depth{subscriber="7"} 1000x40`, 8 * minute, true},
		{"ParleyQueueFull", `parley_subscriber_queue_depth{subscriber="7"} 1000x40
			parley_subscriber_queue_full_depth{subscriber="7"} 1000x40`, 8 * minute, false},

		{"ParleyQueuesNotFilled", `parley_subscriber_behind_seconds{instance="a"} 0x40
			parley_subscriber_behind_seconds{instance="b"} 0+15x40`, 10 * minute, true},
		{"ParleyQueuesNotFilled", `parley_subscriber_behind_seconds{instance="a"} 0.2x40`, 10 * minute, false},

		{"ParleyRecordFarBehind", `parley_sink_lag_seconds{partition="0"} 301x40`, 10 * minute, true},
		{"ParleyRecordFarBehind", `parley_sink_lag_seconds{partition="0"} 301x20 0 301x20`, 9 * minute, false},

		{"ParleySinkCannotWrite", `parley_sink_retries_total{reason="unreachable"} 0+1x80`, 16 * minute, true},
		{"ParleySinkCannotWrite", `parley_sink_retries_total{reason="unreachable"} 0+1x10 10x80`, 16 * minute, false},

		{"ParleySinkNeedsHelp", `parley_sink_failing{reason="disk"} 1x40`, 8 * minute, true},
		{"ParleySinkNeedsHelp", `parley_sink_failing{reason="unreachable"} 1x40
			parley_sink_failing{reason="disk"} 0x40`, 8 * minute, false},

		{"ParleyNoSink", `parley_sink_owned_partitions{instance="a"} 0x40
			parley_sink_owned_partitions{instance="b"} 0x40`, 8 * minute, true},
		{"ParleyNoSink", `up 1x40`, 8 * minute, true},
		{"ParleyNoSink", `parley_sink_owned_partitions{instance="a"} 0x40
			parley_sink_owned_partitions{instance="b"} 8x40`, 8 * minute, false},

		{"ParleyCallsRefused", `parley_ingest_calls_total{code="QueueUnavailable"} 0+5x40`, 8 * minute, true},
		{"ParleyCallsRefused", `parley_ingest_calls_total{code="UnknownMethod"} 0+5x40`, 8 * minute, false},

		{"ParleyNobodyTakesCalls", `up{job="parley"} 1x20`, 3 * minute, true},
		{"ParleyNobodyTakesCalls", `parley_ingest_connections{instance="a"} 0x20`, 3 * minute, false},

		{"ParleyAnswersUnavailable", `parley_ingest_request_seconds_count{route="/v1/calls", status="202"} 0+90x60
			parley_ingest_request_seconds_count{route="/v1/calls", status="503"} 0+10x60`, 12 * minute, true},
		{"ParleyAnswersUnavailable", `parley_ingest_request_seconds_count{route="/v1/calls", status="202"} 0+99x60
			parley_ingest_request_seconds_count{route="/v1/calls", status="503"} 0+1x60
			parley_ingest_request_seconds_count{route="/readyz", status="503"} 0+50x60`, 12 * minute, false},

		{"ParleyIngestFull", `parley_ingest_in_flight_bytes{instance="a"} 95x40
			parley_ingest_in_flight_limit_bytes{instance="a"} 100x40`, 8 * minute, true},
		{"ParleyIngestFull", `parley_ingest_in_flight_bytes{instance="a"} 95x40
			parley_ingest_in_flight_limit_bytes{instance="a"} 1000x40
			parley_ingest_in_flight_limit_bytes{instance="b"} 100x40`, 8 * minute, false},

		{"ParleyLogSlow", `parley_ingest_produce_seconds_bucket{le="0.5"} 0+90x80
			parley_ingest_produce_seconds_bucket{le="1"} 0+100x80
			parley_ingest_produce_seconds_bucket{le="+Inf"} 0+100x80`, 17 * minute, true},
		{"ParleyLogSlow", `parley_ingest_produce_seconds_bucket{le="0.5"} 0+100x80
			parley_ingest_produce_seconds_bucket{le="1"} 0+100x80
			parley_ingest_produce_seconds_bucket{le="+Inf"} 0+100x80`, 17 * minute, false},

		{"ParleyCallsNotRead", `parley_partition_lag_seconds{partition="1"} 61x20`, 4 * minute, true},
		{"ParleyCallsNotRead", `parley_partition_lag_seconds{partition="1"} 59x20`, 4 * minute, false},

		{"ParleyInboxFarBehind", `parley_inbox_lag_records{topic="parley.in.acme", instance="a"} 400x80
			parley_inbox_lag_records{topic="parley.in.acme", instance="b"} 300x80
			parley_inbox_records_total{topic="parley.in.acme", became="forwarded", instance="a"} 0+150x80`, 17 * minute, true},
		{"ParleyInboxFarBehind", `parley_inbox_lag_records{topic="parley.in.acme", instance="a"} 1x80
			parley_inbox_records_total{topic="parley.in.acme", became="forwarded", instance="a"} 7x80`, 17 * minute, true},
		{"ParleyInboxFarBehind", `parley_inbox_lag_records{topic="parley.in.acme", instance="a"} 400x80
			parley_inbox_lag_records{topic="parley.in.acme", instance="b"} 100x80
			parley_inbox_records_total{topic="parley.in.acme", became="forwarded", instance="a"} 0+150x80`, 17 * minute, false},
		{"ParleyInboxFarBehind", `parley_inbox_lag_records{topic="parley.in.acme", instance="a"} 0x80
			parley_inbox_records_total{topic="parley.in.acme", became="forwarded", instance="a"} 7x80`, 17 * minute, false},

		{"ParleyNobodyProcesses", `parley_processor_owned_partitions{instance="a"} 0x20`, 4 * minute, true},
		{"ParleyNobodyProcesses", `parley_processor_owned_partitions{instance="a"} 1x20`, 4 * minute, false},

		{"ParleyPartitionsWithoutOwner", `parley_processor_owned_partitions{instance="a"} 23x40
			parley_processor_owned_partitions{instance="b"} 24x40
			parley_processor_partitions{instance="a"} 48x40
			parley_processor_partitions{instance="b"} 48x40`, 8 * minute, true},
		{"ParleyPartitionsWithoutOwner", `parley_processor_owned_partitions{instance="a"} 24x40
			parley_processor_owned_partitions{instance="b"} 0x10 24x40
			parley_processor_partitions{instance="a"} 48x40
			parley_processor_partitions{instance="b"} 48x40`, 6 * minute, false},

		{"ParleyPartitionsWithoutOwner", `parley_processor_owned_partitions{instance="a"} 47x40
			parley_partition_stopped{instance="a", partition="7"} 1x40
			parley_processor_partitions{instance="a"} 48x40`, 8 * minute, false},

		{"ParleyPartitionStopped", `parley_partition_stopped{instance="a", partition="6"} 0x20
			parley_partition_stopped{instance="a", partition="7"} 1x20`, 3 * minute, true},
		{"ParleyPartitionStopped", `parley_partition_stopped{instance="a", partition="6"} 0x20
			parley_partition_stopped{instance="a", partition="7"} 0x20`, 3 * minute, false},

		{"ParleyCatchesUpLong", `parley_processor_restoring_partitions{instance="a"} 4x60`, 12 * minute, true},
		{"ParleyCatchesUpLong", `parley_processor_restoring_partitions{instance="a"} 4x30 0 1x30`, 12 * minute, false},

		{"ParleyCommitsSlow", `parley_processor_commit_seconds_bucket{le="2.5"} 0+90x80
			parley_processor_commit_seconds_bucket{le="5"} 0+100x80
			parley_processor_commit_seconds_bucket{le="+Inf"} 0+100x80`, 17 * minute, true},
		{"ParleyCommitsSlow", `parley_processor_commit_seconds_bucket{le="2.5"} 0+100x80
			parley_processor_commit_seconds_bucket{le="5"} 0+100x80
			parley_processor_commit_seconds_bucket{le="+Inf"} 0+100x80`, 17 * minute, false},

		{"ParleyProcessorRestarts", `parley_processor_restarts_total{instance="a"} 0 1x10 2x10 3x10 4x10 5x20`, 14 * minute, true},
		{"ParleyProcessorRestarts", `parley_processor_restarts_total{instance="a"} 0 1x10 2x60`, 14 * minute, false},

		{"ParleyLeaseLost", `parley_processor_lease_held{instance="a"} 0x20
			parley_processor_owned_partitions{instance="a"} 4x20`, 4 * minute, true},
		{"ParleyLeaseLost", `parley_processor_lease_held{instance="a"} 0x20
			parley_processor_owned_partitions{instance="a"} 0x20
			parley_processor_owned_partitions{instance="b"} 4x20`, 4 * minute, false},

		{"ParleyRouteDown", `parley_route_circuit_open{route="crm", instance="a"} 1x40`, 8 * minute, true},
		{"ParleyRouteDown", `parley_route_circuit_open{route="crm", instance="a"} 1x40
			parley_route_maintenance{route="crm", instance="b"} 1x40`, 8 * minute, false},

		{"ParleyRouteSlow", `parley_route_oldest_waiting_seconds{route="crm"} 901x40`, 8 * minute, true},
		{"ParleyRouteSlow", `parley_route_oldest_waiting_seconds{route="crm"} 901x40
			parley_route_maintenance{route="crm"} 1x40`, 8 * minute, false},

		{"ParleyRoutesNotRead", `parley_routes_last_reload_ok{instance="a"} 0x40`, 8 * minute, true},
		{"ParleyRoutesNotRead", `parley_routes_last_reload_ok{instance="a"} 1x40`, 8 * minute, false},

		{"ParleyRoutesDiffer", `parley_routes_info{instance="a", digest="1"} 1x90
			parley_routes_info{instance="b", digest="2"} 1x90`, 20 * minute, true},
		{"ParleyRoutesDiffer", `parley_routes_info{instance="a", digest="1"} 1x90
			parley_routes_info{instance="b", digest="1"} 1x90`, 20 * minute, false},

		{"ParleyNodesRefuseEachOther", `parley_peer_questions_total{outcome="refused"} 0+1x60`, 12 * minute, true},
		{"ParleyNodesRefuseEachOther", `parley_peer_questions_total{outcome="answered"} 0+1x60`, 12 * minute, false},

		{"ParleyNodeDown", `up{job="parley", instance="a"} 0x20`, 4 * minute, true},
		{"ParleyNodeDown", `up{job="kafka", instance="a"} 0x20`, 4 * minute, false},

		{"ParleyNodesOutOfReach", `parley_peer_questions_total{outcome="unreachable", instance="a"} 0+1x80`, 17 * minute, true},
		{"ParleyNodesOutOfReach", `parley_peer_questions_total{outcome="unreachable", instance="a"} 0+1x8 8x80`, 17 * minute, false},

		{"ParleyNodeRestarts", `process_start_time_seconds{job="parley", instance="a"} 1x10 200x10 400x10 600x10 800x10`, 13 * minute, true},
		{"ParleyNodeRestarts", `process_start_time_seconds{job="parley", instance="a"} 1x10 200x60`, 13 * minute, false},

		{"ParleyDiskNearlyFull", `parley_store_disk_free_bytes{instance="a"} 9e9x60
			parley_store_disk_bytes{instance="a"} 91e9x60`, 12 * minute, true},
		{"ParleyDiskNearlyFull", `parley_store_disk_free_bytes{instance="a"} 9e8x60
			parley_store_disk_bytes{instance="a"} 1e6x60`, 12 * minute, true},
		{"ParleyDiskNearlyFull", `parley_store_disk_free_bytes{instance="a"}` + strings.Repeat(" NaN", 60) + `
			parley_store_disk_bytes{instance="a"} 0x60`, 12 * minute, false},
		{"ParleyDiskNearlyFull", `parley_store_disk_free_bytes{instance="a"} 11e9x60
			parley_store_disk_bytes{instance="a"} 89e9x60`, 12 * minute, false},

		{"ParleyDiskSlow", `parley_store_read_amplification{instance="a"} 41x80`, 17 * minute, true},
		{"ParleyDiskSlow", `parley_store_read_amplification{instance="a"} 12x80`, 17 * minute, false},

		{"ParleyCertificateExpires", `parley_certificate_expires_timestamp_seconds{instance="a", of="http"} 1200000x300`, 70 * minute, true},
		{"ParleyCertificateExpires", `parley_certificate_expires_timestamp_seconds{instance="a", of="http"} 1300000x300`, 70 * minute, false},
	}
}
