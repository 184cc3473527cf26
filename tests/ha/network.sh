# Sourced by tests/ha/run: three machines, each a network namespace with an address, and the loss of packets between them. Services,
# gateways, the card simulator and the tests are in a fourth namespace, that of this process.
#
#	m0 10.75.0.1, m1 10.75.0.2, m2 10.75.0.3	an etcd, a PostgreSQL with its Patroni and two Redis
#	here 10.75.0.4					the bridge to all of them
#
# `own_network` runs the suite again in new namespaces for network and mounts. So the names and addresses are private, nothing of the
# machine's own network changes, and the kernel removes all of it with the last process.
# shellcheck shell=bash

# can_have_network: whether this user and this kernel can make namespaces and cut links in them.
can_have_network() {
	((EUID == 0)) && unshare --net --mount nft add table inet concert_try 2>/dev/null
}

# own_network COMMAND...: replaces this process. The command finds the machines in HA_MACHINES.
own_network() {
	HA_MACHINES="10.75.0.1@m0 10.75.0.2@m1 10.75.0.3@m2" exec unshare --net --mount "$@"
}

# make_network: in the new namespaces.
make_network() {
	local k
	mkdir -p /run/netns
	mount -t tmpfs -o mode=755 none /run/netns
	ip link set lo up
	ip link add machines type bridge
	ip address add 10.75.0.4/24 dev machines
	ip link set machines up
	for k in 0 1 2; do
		ip netns add "m$k"
		ip link add "to-m$k" type veth peer name eth0 netns "m$k"
		ip link set "to-m$k" master machines up
		ip -n "m$k" address add "10.75.0.$((k + 1))/24" dev eth0
		ip -n "m$k" link set eth0 up
		ip -n "m$k" link set lo up
	done
}

# unplug K, plug K: the cable of machine K.
unplug() { ip link set "to-m$1" down; }
plug() { ip link set "to-m$1" up; }

# lose K DIRECTION PEERS [PORTS]: machine K loses the packets that it sends (out), receives (in), or both, to and from these addresses.
# With PORTS only those from or to one of these ports. It goes on until `lose_nothing K`.
lose() {
	local direction address ports=("")
	[[ -z ${4:-} ]] || ports=("tcp sport { ${4// /, } }" "tcp dport { ${4// /, } }")
	for direction in in out; do
		[[ $2 == "$direction" || $2 == both ]] || continue
		address="ip $([[ $direction == in ]] && echo saddr || echo daddr) { ${3// /, } }"
		{
			printf 'table inet cut {\nchain %s {\ntype filter hook %sput priority 0;\n' "$direction" "$direction"
			printf '%s drop\n' "${ports[@]/#/$address }"
			printf '}\n}\n'
		} | ip netns exec "m$1" nft -f - || fail "machine $1 loses nothing"
	done
}

lose_nothing() { ip netns exec "m$1" nft delete table inet cut; }
