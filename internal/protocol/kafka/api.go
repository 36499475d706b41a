// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "strconv"

// API is the key of a request ("Api Keys" of the protocol).
type API int16

// The APIs that are read, or that tell something of the connection.
const (
	Produce          API = 0
	Fetch            API = 1
	Metadata         API = 3
	OffsetCommit     API = 8
	SaslHandshake    API = 17
	APIVersions      API = 18
	SaslAuthenticate API = 36
)

// String gives the protocol's name.
func (a API) String() string {
	if a >= 0 && int(a) < len(apis) {
		return apis[a].name
	}
	return "API " + strconv.Itoa(int(a))
}

// Versions that have a flexible header and body (KIP-482).
const (
	flexibleProduce      = 9
	flexibleFetch        = 12
	flexibleMetadata     = 9
	flexibleOffsetCommit = 8
)

// flexible reports whether a message of an API that is read is flexible.
func (a API) flexible(version int16) bool {
	switch a {
	case Produce:
		return version >= flexibleProduce
	case Fetch:
		return version >= flexibleFetch
	case Metadata:
		return version >= flexibleMetadata
	case OffsetCommit:
		return version >= flexibleOffsetCommit
	}
	return false
}

// apis are all APIs of Kafka 4.1 and those that were removed, by key, with their newest
// version.
var apis = [...]struct {
	name    string
	version int16
}{
	{"Produce", 13},
	{"Fetch", 18},
	{"ListOffsets", 11},
	{"Metadata", 13},
	{"LeaderAndIsr", 7},
	{"StopReplica", 4},
	{"UpdateMetadata", 8},
	{"ControlledShutdown", 3},
	{"OffsetCommit", 10},
	{"OffsetFetch", 10},
	{"FindCoordinator", 6},
	{"JoinGroup", 9},
	{"Heartbeat", 4},
	{"LeaveGroup", 5},
	{"SyncGroup", 5},
	{"DescribeGroups", 6},
	{"ListGroups", 5},
	{"SaslHandshake", 1},
	{"ApiVersions", 5},
	{"CreateTopics", 7},
	{"DeleteTopics", 6},
	{"DeleteRecords", 2},
	{"InitProducerId", 5},
	{"OffsetForLeaderEpoch", 4},
	{"AddPartitionsToTxn", 5},
	{"AddOffsetsToTxn", 4},
	{"EndTxn", 5},
	{"WriteTxnMarkers", 2},
	{"TxnOffsetCommit", 6},
	{"DescribeAcls", 3},
	{"CreateAcls", 3},
	{"DeleteAcls", 3},
	{"DescribeConfigs", 4},
	{"AlterConfigs", 2},
	{"AlterReplicaLogDirs", 2},
	{"DescribeLogDirs", 5},
	{"SaslAuthenticate", 2},
	{"CreatePartitions", 3},
	{"CreateDelegationToken", 3},
	{"RenewDelegationToken", 2},
	{"ExpireDelegationToken", 2},
	{"DescribeDelegationToken", 3},
	{"DeleteGroups", 3},
	{"ElectLeaders", 2},
	{"IncrementalAlterConfigs", 1},
	{"AlterPartitionReassignments", 1},
	{"ListPartitionReassignments", 0},
	{"OffsetDelete", 0},
	{"DescribeClientQuotas", 1},
	{"AlterClientQuotas", 1},
	{"DescribeUserScramCredentials", 0},
	{"AlterUserScramCredentials", 0},
	{"Vote", 2},
	{"BeginQuorumEpoch", 1},
	{"EndQuorumEpoch", 1},
	{"DescribeQuorum", 2},
	{"AlterPartition", 3},
	{"UpdateFeatures", 2},
	{"Envelope", 0},
	{"FetchSnapshot", 1},
	{"DescribeCluster", 2},
	{"DescribeProducers", 0},
	{"BrokerRegistration", 4},
	{"BrokerHeartbeat", 2},
	{"UnregisterBroker", 0},
	{"DescribeTransactions", 0},
	{"ListTransactions", 2},
	{"AllocateProducerIds", 0},
	{"ConsumerGroupHeartbeat", 1},
	{"ConsumerGroupDescribe", 1},
	{"ControllerRegistration", 0},
	{"GetTelemetrySubscriptions", 0},
	{"PushTelemetry", 0},
	{"AssignReplicasToDirs", 0},
	{"ListConfigResources", 1},
	{"DescribeTopicPartitions", 0},
	{"ShareGroupHeartbeat", 1},
	{"ShareGroupDescribe", 1},
	{"ShareFetch", 2},
	{"ShareAcknowledge", 2},
	{"AddRaftVoter", 1},
	{"RemoveRaftVoter", 0},
	{"UpdateRaftVoter", 0},
	{"InitializeShareGroupState", 0},
	{"ReadShareGroupState", 0},
	{"WriteShareGroupState", 1},
	{"DeleteShareGroupState", 0},
	{"ReadShareGroupStateSummary", 1},
	{"StreamsGroupHeartbeat", 1},
	{"StreamsGroupDescribe", 1},
	{"DescribeShareGroupOffsets", 1},
	{"AlterShareGroupOffsets", 0},
	{"DeleteShareGroupOffsets", 0},
	{"StreamsGroupTopologyDescriptionUpdate", 0},
	{"UnregisterController", 0},
}
