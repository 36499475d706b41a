// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

// command is what is known of a command of MongoDB's.
type command struct {
	name string
	// collection: the value of the first element is the name of a collection.
	collection bool
}

// commandTable holds those of the documentation's "Database Commands", with their old
// spellings. It is never written to after its making.
var commandTable = newCommandTable(
	// With a collection.
	[]string{
		"find", "insert", "update", "delete", "aggregate", "count", "distinct", "findAndModify", "findandmodify", "mapReduce",
		"mapreduce", "killCursors", "create", "drop", "createIndexes", "dropIndexes", "deleteIndexes", "listIndexes", "reIndex",
		"collMod", "collStats", "compact", "validate", "planCacheClear", "planCacheClearFilters", "planCacheListFilters",
		"planCacheSetFilter", "cloneCollectionAsCapped", "convertToCapped", "createSearchIndexes", "dropSearchIndex",
		"updateSearchIndex", "compactStructuredEncryptionData", "parallelCollectionScan", "geoNear", "group", "geoSearch",
		"godinsert", "cleanupStructuredEncryptionData",
	},
	// Without one, or with what is not only its name.
	[]string{
		"hello", "isMaster", "ismaster", "ping", "getMore", "bulkWrite", "explain", "endSessions", "startSession",
		"refreshSessions", "killSessions", "killAllSessions", "killAllSessionsByPattern", "commitTransaction",
		"abortTransaction", "prepareTransaction", "coordinateCommitTransaction", "saslStart", "saslContinue", "authenticate",
		"logout", "getnonce", "copydbgetnonce", "copydbsaslstart", "copydb", "clone", "createUser", "updateUser", "dropUser",
		"dropAllUsersFromDatabase", "grantRolesToUser", "revokeRolesFromUser", "usersInfo", "createRole", "updateRole",
		"dropRole", "dropAllRolesFromDatabase", "grantPrivilegesToRole", "revokePrivilegesFromRole", "grantRolesToRole",
		"revokeRolesFromRole", "rolesInfo", "invalidateUserCache", "listDatabases", "listCollections", "dropDatabase",
		"renameCollection", "buildInfo", "buildinfo", "connectionStatus", "connPoolStats", "connPoolSync", "currentOp",
		"dataSize", "datasize", "dbHash", "dbhash", "dbStats", "dbstats", "filemd5", "features", "fsync", "fsyncUnlock",
		"getAuditConfig", "setAuditConfig", "getClusterParameter", "setClusterParameter", "getCmdLineOpts",
		"getDefaultRWConcern", "setDefaultRWConcern", "getLog", "getParameter", "setParameter", "getLastError",
		"getlasterror", "getPrevError", "resetError", "forceerror", "hostInfo", "killOp", "listCommands", "lockInfo",
		"logApplicationMessage", "logRotate", "netstat", "profile", "replSetAbortPrimaryCatchUp", "replSetFreeze",
		"replSetGetConfig", "replSetGetStatus", "replSetHeartbeat", "replSetInitiate", "replSetMaintenance",
		"replSetReconfig", "replSetRequestVotes", "replSetResizeOplog", "replSetStepDown", "replSetStepUp",
		"replSetSyncFrom", "replSetUpdatePosition", "rotateCertificates", "serverStatus",
		"setFeatureCompatibilityVersion", "setIndexCommitQuorum", "setProfilingFilterGlobally", "setUserWriteBlockMode",
		"shutdown", "top", "validateDBMetadata", "whatsmyuri", "whatsmysni", "isdbgrid", "addShard", "addShardToZone",
		"analyzeShardKey", "balancerCollectionStatus", "balancerStart", "balancerStatus", "balancerStop",
		"checkShardingIndex", "cleanupOrphaned", "cleanupReshardCollection", "clearJumboFlag", "configureCollectionBalancing",
		"configureQueryAnalyzer", "enableSharding", "flushRouterConfig", "getShardMap", "getShardVersion", "listShards",
		"medianKey", "mergeAllChunksOnShard", "mergeChunks", "moveChunk", "movePrimary", "moveCollection",
		"refineCollectionShardKey", "removeShard", "removeShardFromZone", "reshardCollection", "abortReshardCollection",
		"commitReshardCollection", "setAllowMigrations", "setShardVersion", "shardCollection", "shardingState", "split",
		"splitChunk", "splitVector", "transitionFromDedicatedConfigServer", "transitionToDedicatedConfigServer",
		"unsetSharding", "updateZoneKeyRange", "availableQueryOptions", "driverOIDTest", "eval", "waitForFailPoint",
		"configureFailPoint", "getDiagnosticData", "atlasVersion", "setQuerySettings", "removeQuerySettings",
	},
)

func newCommandTable(withCollection, without []string) map[string]*command {
	t := make(map[string]*command, len(withCollection)+len(without))
	for _, n := range withCollection {
		t[n] = &command{n, true}
	}
	for _, n := range without {
		t[n] = &command{n, false}
	}
	return t
}

const (
	// maxName is the length of the longest name that is read, in bytes: servers take 255
	// for a database with a collection.
	maxName = 256
	// maxOperation is the length of the longest name of a command that is kept.
	maxOperation = 64
)
