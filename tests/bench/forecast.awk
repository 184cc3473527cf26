# See forecast. Reads lines "KIND name=value ..." and computes in milliseconds of CPU.

BEGIN {
	groups = split("nginx queue reservation payment point postgres redis", group, " ")
	MAPS_A_SECOND = 4	# a worker of the reservation service makes at most so many of a schedule (docs/adr/0011)
	PACK = 0.00046		# ms for each seat: a worker compresses 100,000 in 46 ms (docs/capacity.md)
	RECORD = 29		# bytes TLS adds to a request or an answer, more to a map
}

function read_line(	i, pair) {
	delete at
	for (i = 2; i <= NF; i++) {
		split($i, pair, "=")
		at[pair[1]] = pair[2]
	}
}

# keep(RUN): keeps the values of the current line
function keep(run,	g, name) {
	read_line()
	if ($1 == "PHASE") {
		name = at["name"]
		seconds[run, name] = at["seconds"]
		polls[run, name] = at["polls"]
		for (g = 1; g <= groups; g++)
			ms[run, name, group[g]] = at[group[g]]
	} else if ($1 == "STEP") {
		into[run, at["name"]] = at["in"]
		out[run, at["name"]] = at["out"]
		answers[run, at["name"]] = at["answers"]
	} else if ($1 == "RESULT") {
		buyers[run] = at["buyers"]
		tickets[run] = at["tickets"]
	} else if ($1 == "MAPS") {
		map_ms[run] = at["ms"]
		hall[run] = at["seats"]
		made[run] = at["made"]
	}
}

# CPU of a phase without the CPU that the servers use at rest.
function used(run, name, g) {
	return ms[run, name, g] - ms[run, "rest", g] / seconds[run, "rest"] * seconds[run, name]
}

# CPU for making one map of `size` seats.
function making(g, size) {
	if (g == "postgres")
		return map_ms[1] * size / hall[1]
	return g == "reservation" ? PACK * size : 0
}

# The price of each, in ms, from run 1.
function prices(	i, g, sale) {
	for (i = 1; i <= groups; i++) {
		g = group[i]
		rest[g] = ms[1, "rest", g] / seconds[1, "rest"] / 1000
		look[g] = atleast0(used(1, "look", g) / answers[1, "look"])
		enter_[g] = atleast0(used(1, "enter", g) / answers[1, "enter"])
		poll[g] = atleast0(used(1, "poll", g) / polls[1, "poll"])
		sale = used(1, "sale", g) - poll[g] * polls[1, "sale"] - making(g, hall[1]) * made[1]
		buyer[g] = atleast0(sale / buyers[1])
	}
}

function atleast0(x) {
	return x > 0 ? x : 0
}

# A buyer's price in a hall of `size` seats: the map is larger.
function buyer_in(g, size) {
	return buyer[g] + look[g] * (size / hall[1] - 1)
}

function row(what, rate, mbit, cores,	i, sum) {
	printf "| %s | %s |", what, rate
	for (i = 1; i <= groups; i++) {
		printf " %.2f |", cores[group[i]]
		sum += cores[group[i]]
		total[group[i]] += cores[group[i]]
	}
	printf " %.1f | %s |\n", sum, mbit
}

# Status calls per second of n waiting users, by the pollAfterSeconds of services/queue/src/ticket.c.
function polling(n,	p, step, sum, pause) {
	for (p = 1; p <= n; p += step) {
		step = p < 1000 ? 1 : int(p / 100)
		if (p + step > n + 1)
			step = n + 1 - p
		pause = p <= 100 ? 1 : 1.8 * (p / 100) ^ (1 / 3)
		# 0.1 for the jitter of up to a fifth; the fraction of a second is rounded by chance.
		pause = (pause > 18 ? 18 : pause) * 1.1
		sum += step / (pause > 20 ? 20 : pause < 1 ? 1 : pause)
	}
	return sum
}

function forecast(	i, g, a_second, each, cores, entering, polls_a_second, buyers_a_second, bytes, mbit, entering_mbit) {
	a_second = waiting / enter
	polls_a_second = polling(waiting)
	each = tickets[1] / buyers[1]
	buyers_a_second = seats / each / sell
	print "| what | a second | nginx | queue | reservation | payment | point | PostgreSQL | Redis | cores | Mbit/s out |"
	print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
	for (i = 1; i <= groups; i++)
		cores[group[i]] = a_second * enter_[group[i]] / 1000
	if (handshake > 0)
		cores["nginx"] += a_second * handshake / 1000
	row(sprintf("%d enter within %d s%s", waiting, enter, handshake > 0 ? ", a TLS handshake each" : ""),
	    sprintf("%.0f", a_second), sprintf("%.0f", a_second * (into[1, "enter"] + RECORD) * 8 / 1e6), cores)
	for (i = 1; i <= groups; i++)
		entering[group[i]] = total[group[i]]
	delete total
	mbit = polls_a_second * (into[1, "status"] + RECORD) * 8 / 1e6
	entering_mbit = a_second * (into[1, "enter"] + RECORD) * 8 / 1e6 + mbit
	for (i = 1; i <= groups; i++) {
		cores[group[i]] = polls_a_second * poll[group[i]] / 1000
		entering[group[i]] += cores[group[i]] + rest[group[i]]
	}
	row(sprintf("%d wait and ask as told", waiting), sprintf("%.0f", polls_a_second),
	    sprintf("%.0f", mbit), cores)
	for (i = 1; i <= groups; i++)
		cores[group[i]] = buyers_a_second * buyer_in(group[i], seats) / 1000
	bytes = into[1, "map"] * seats / hall[1] + into[1, "best"] + into[1, "pay"] + into[1, "confirm"] + 4 * RECORD
	row(sprintf("%d seats are sold in %d s", seats, sell), sprintf("%.0f", buyers_a_second),
	    sprintf("%.0f", buyers_a_second * bytes * 8 / 1e6), cores)
	mbit += buyers_a_second * bytes * 8 / 1e6
	for (i = 1; i <= groups; i++)
		cores[group[i]] = MAPS_A_SECOND * workers * making(group[i], seats) / 1000
	row(sprintf("maps of %d seats made by %d workers", seats, workers), MAPS_A_SECOND * workers, "", cores)
	for (i = 1; i <= groups; i++)
		cores[group[i]] = rest[group[i]]
	row("when nothing happens", "", "", cores)
	for (i = 1; i <= groups; i++)
		cores[group[i]] = total[group[i]]
	row("**at the end of entering**", "", sprintf("%.0f", entering_mbit), entering)
	row("**while the sale runs**", "", sprintf("%.0f", mbit), cores)
	print ""
	printf "Memory: Redis %.1f GB (%d bytes a waiter, twice)", 2 * waiting * waiter / 1e9, waiter
	if (connection > 0)
		printf "; gateways %.0f GB (%d bytes an idle TLS connection)", waiting * connection / 1e9, connection
	print "."
}

# Predicts the CPU of the sale of run 2 by the prices of run 1.
function compare(	i, g, told, was, told_sum, was_sum) {
	printf "%-14s %12s %12s\n", "the sale's CPU", "predicted s", "used s"
	for (i = 1; i <= groups; i++) {
		g = group[i]
		told = (polls[2, "sale"] * poll[g] + buyers[2] * buyer_in(g, hall[2])) / 1000
		told += seconds[2, "sale"] * rest[g] + made[2] * making(g, hall[2]) / 1000
		was = ms[2, "sale", g] / 1000
		printf "%-14s %12.2f %12.2f\n", g, told, was
		told_sum += told
		was_sum += was
	}
	printf "%-14s %12.2f %12.2f: off by %+.0f %%\n", "all", told_sum, was_sum, 100 * (told_sum / was_sum - 1)
}

{ keep(1) }

END {
	if (!buyers[1] || !made[1] || !polls[1, "poll"]) {
		print "forecast: no whole run in the costs" >"/dev/stderr"
		exit 1
	}
	prices()
	if (check == "") {
		forecast()
		exit
	}
	while ((getline <check) > 0)
		keep(2)
	compare()
}
