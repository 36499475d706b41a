// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import "strings"

// maxWord is the longest command or sub-command name looked at.
const maxWord = 32

// command is what is known of a command beforehand.
type command struct {
	name string
	subs string // sub-commands, between blanks; "" if it has none
	role role
	// Keys: arguments first to last (from the end when negative) by step; then, if numkeys
	// is not 0, as many as that argument says, from the one behind it.
	first, last, step, numkeys int8
	streams                    bool // keys are the first half of what follows STREAMS
	kinds                      kinds
}

// role marks commands that change how the connection is read.
type role uint8

const (
	rolePlain role = iota
	roleSelect
	roleReset
	roleMulti
	roleExec
	roleDiscard
	roleSubscribe
	roleUnsubscribe
	rolePubSubOnly // may be sent while subscribed in RESP2
	roleClient
	roleScript // a script's digest or name is the first argument
	roleMonitor
	roleSync
	roleReplconf
)

// kinds is the set of reply types that a command can have besides errors; 0 if any.
type kinds uint16

const (
	canSimple kinds = 1 << iota
	canInteger
	canBulk
	canNull
	canList // array or set
	canMap
	canOther
)

func (k Kind) bit() kinds {
	switch k {
	case KindSimple:
		return canSimple
	case KindInteger:
		return canInteger
	case KindBulk, KindVerbatim:
		return canBulk
	case KindNull:
		return canNull
	case KindArray, KindSet:
		return canList
	case KindMap:
		return canMap
	}
	return canOther
}

// lookup finds a command by its name in upper case.
func lookup(name []byte) *command { return commands[string(name)] }

// hasSub reports whether word is a sub-command of c.
func (c *command) hasSub(word []byte) bool {
	for rest := c.subs; ; {
		sub, more, found := strings.Cut(rest, " ")
		if sub == string(word) {
			return sub != ""
		}
		if !found {
			return false
		}
		rest = more
	}
}

// commands are those of Redis 7.0 as its COMMAND lists them, and the later ones of Redis
// and Valkey.
var commands = func() map[string]*command {
	m := make(map[string]*command, 320)
	add := func(first, last, step, numkeys int8, names string) {
		for n := range strings.FieldsSeq(names) {
			m[n] = &command{name: n, first: first, last: last, step: step, numkeys: numkeys}
		}
	}
	add(0, 0, 0, 0, keyless)
	add(1, 1, 1, 0, oneKey)
	add(1, 2, 1, 0, "BLMOVE BRPOPLPUSH COPY GEOSEARCHSTORE LCS LMOVE RENAME RENAMENX RPOPLPUSH SMOVE ZRANGESTORE")
	add(1, -1, 1, 0, "DEL EXISTS MGET PFCOUNT PFMERGE SDIFF SDIFFSTORE SINTER SINTERSTORE SSUBSCRIBE SUNION SUNIONSTORE "+
		"SUNSUBSCRIBE TOUCH UNLINK WATCH")
	add(1, -1, 2, 0, "MSET MSETNX")
	add(1, -2, 1, 0, "BLPOP BRPOP BZPOPMAX BZPOPMIN")
	add(2, -1, 1, 0, "BITOP")
	add(3, 3, 1, 0, "MIGRATE")
	add(0, 0, 0, 1, "LMPOP SINTERCARD ZDIFF ZINTER ZINTERCARD ZMPOP ZUNION")
	add(0, 0, 0, 2, "BLMPOP BZMPOP EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO")
	add(1, 1, 1, 2, "ZDIFFSTORE ZINTERSTORE ZUNIONSTORE")
	add(0, 0, 0, 0, "XREAD XREADGROUP")
	m["XREAD"].streams, m["XREADGROUP"].streams = true, true
	for line := range strings.Lines(subcommands) {
		name, subs, _ := strings.Cut(strings.TrimSpace(line), " ")
		m[name] = &command{name: name, subs: subs}
	}
	for _, n := range []string{"OBJECT", "XGROUP", "XINFO", "MEMORY"} {
		m[n].first, m[n].last, m[n].step = 2, 2, 1
	}
	for r, names := range map[role]string{
		roleSelect: "SELECT", roleReset: "RESET", roleMulti: "MULTI", roleExec: "EXEC", roleDiscard: "DISCARD",
		roleSubscribe: "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE", roleUnsubscribe: "UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE",
		rolePubSubOnly: "PING QUIT", roleClient: "CLIENT", roleScript: "EVALSHA EVALSHA_RO FCALL FCALL_RO",
		roleMonitor: "MONITOR", roleSync: "SYNC PSYNC", roleReplconf: "REPLCONF",
	} {
		for n := range strings.FieldsSeq(names) {
			m[n].role = r
		}
	}
	for k, names := range replyKinds {
		for n := range strings.FieldsSeq(names) {
			m[n].kinds = k
		}
	}
	return m
}()

const keyless = "ASKING AUTH BGREWRITEAOF BGSAVE DBSIZE DEBUG DISCARD ECHO EXEC FAILOVER FLUSHALL FLUSHDB HELLO INFO KEYS LASTSAVE " +
	"LOLWUT MONITOR MULTI PFSELFTEST PING PSUBSCRIBE PSYNC PUBLISH PUNSUBSCRIBE QUIT RANDOMKEY READONLY READWRITE REPLCONF " +
	"REPLICAOF RESET ROLE SAVE SCAN SELECT SHUTDOWN SLAVEOF SUBSCRIBE SWAPDB SYNC TIME UNSUBSCRIBE UNWATCH WAIT WAITAOF PFDEBUG"

const oneKey = "APPEND BITCOUNT BITFIELD BITFIELD_RO BITPOS DECR DECRBY DUMP EXPIRE EXPIREAT EXPIRETIME GEOADD GEODIST GEOHASH " +
	"GEOPOS GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETDEL GETEX GETRANGE GETSET " +
	"HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS INCR " +
	"INCRBY INCRBYFLOAT LINDEX LINSERT LLEN LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM MOVE PERSIST PEXPIRE PEXPIREAT " +
	"PEXPIRETIME PFADD PSETEX PTTL RESTORE RESTORE-ASKING RPOP RPUSH RPUSHX SADD SCARD SET SETBIT SETEX SETNX SETRANGE " +
	"SISMEMBER SMEMBERS SMISMEMBER SORT SORT_RO SPOP SPUBLISH SRANDMEMBER SREM SSCAN STRLEN SUBSTR TTL TYPE XACK XADD " +
	"XAUTOCLAIM XCLAIM XDEL XLEN XPENDING XRANGE XREVRANGE XSETID XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZLEXCOUNT ZMSCORE ZPOPMAX " +
	"ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE " +
	"ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE " +
	"HEXPIRE HEXPIREAT HEXPIRETIME HPERSIST HPEXPIRE HPEXPIREAT HPEXPIRETIME HPTTL HTTL HGETDEL HGETEX HSETEX DELIFEQ " + // after 7.0
	"XACKDEL XDELEX VADD VCARD VDIM VEMB VGETATTR VINFO VLINKS VRANDMEMBER VREM VSETATTR VSIM"

const subcommands = `ACL CAT DELUSER DRYRUN GENPASS GETUSER HELP LIST LOAD LOG SAVE SETUSER USERS WHOAMI
CLIENT CACHING CAPA GETNAME GETREDIR HELP ID IMPORT-SOURCE INFO KILL LIST NO-EVICT NO-TOUCH PAUSE REPLY SETINFO SETNAME TRACKING TRACKINGINFO UNBLOCK UNPAUSE
CLUSTER ADDSLOTS ADDSLOTSRANGE BUMPEPOCH COUNT-FAILURE-REPORTS COUNTKEYSINSLOT DELSLOTS DELSLOTSRANGE FAILOVER FLUSHSLOTS FORGET GETKEYSINSLOT HELP INFO KEYSLOT LINKS MEET MYID MYSHARDID NODES REPLICAS REPLICATE RESET SAVECONFIG SET-CONFIG-EPOCH SETSLOT SHARDS SLAVES SLOT-STATS SLOTS
COMMAND COUNT DOCS GETKEYS GETKEYSANDFLAGS HELP INFO LIST
COMMANDLOG GET HELP LEN RESET
CONFIG GET HELP RESETSTAT REWRITE SET
FUNCTION DELETE DUMP FLUSH HELP KILL LIST LOAD RESTORE STATS
LATENCY DOCTOR GRAPH HELP HISTOGRAM HISTORY LATEST RESET
MEMORY DOCTOR HELP MALLOC-STATS PURGE STATS USAGE
MODULE HELP LIST LOAD LOADEX UNLOAD
OBJECT ENCODING FREQ HELP IDLETIME REFCOUNT
PUBSUB CHANNELS HELP NUMPAT NUMSUB SHARDCHANNELS SHARDNUMSUB
SCRIPT DEBUG EXISTS FLUSH HELP KILL LOAD SHOW
SENTINEL CKQUORUM CONFIG DEBUG FAILOVER FLUSHCONFIG GET-MASTER-ADDR-BY-NAME HELP INFO-CACHE IS-MASTER-DOWN-BY-ADDR MASTER MASTERS MONITOR MYID PENDING-SCRIPTS REMOVE REPLICAS RESET SENTINELS SET SIMULATE-FAILURE SLAVES
SLOWLOG GET HELP LEN RESET
XGROUP CREATE CREATECONSUMER DELCONSUMER DESTROY HELP SETID
XINFO CONSUMERS GROUPS HELP STREAM`

// replyKinds holds what surely is so in every version; other commands are left out.
var replyKinds = map[kinds]string{
	canSimple: "MSET HMSET SETEX PSETEX LSET LTRIM SELECT AUTH MULTI DISCARD WATCH UNWATCH FLUSHALL FLUSHDB QUIT RENAME TYPE RESET ASKING READONLY READWRITE",
	canInteger: "INCR DECR INCRBY DECRBY DEL UNLINK EXISTS TOUCH EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST TTL PTTL HSET HSETNX HDEL HLEN " +
		"HEXISTS HINCRBY HSTRLEN SADD SREM SCARD SISMEMBER SMOVE SUNIONSTORE SINTERSTORE SDIFFSTORE LPUSH RPUSH LPUSHX RPUSHX LLEN LREM " +
		"LINSERT ZCARD ZREM ZCOUNT ZLEXCOUNT STRLEN APPEND SETNX MSETNX SETRANGE SETBIT GETBIT DBSIZE PUBLISH SPUBLISH RENAMENX XLEN XACK XDEL PFADD PFCOUNT",
	canBulk:                                "ECHO GETRANGE INFO HINCRBYFLOAT",
	canBulk | canNull:                      "GET GETSET GETDEL GETEX HGET LINDEX DUMP RPOPLPUSH LMOVE RANDOMKEY",
	canSimple | canBulk | canNull:          "SET",
	canSimple | canBulk | canList:          "PING",
	canList:                                "MGET HMGET HKEYS HVALS LRANGE SMEMBERS SINTER SUNION SDIFF KEYS SCAN HSCAN SSCAN ZSCAN ZRANGE TIME SMISMEMBER",
	canList | canMap:                       "HGETALL HELLO",
	canList | canNull:                      "EXEC BLPOP BRPOP",
	canList | canMap | canNull | canSimple: "XREAD XREADGROUP",
}
