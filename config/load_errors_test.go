package config

// loadErrors are the problems that Load reports for testdata's bad files, one per line, with the line in the file.
var loadErrors = map[string]string{
	"alias.bad.yml": `
has an alias (*) without its anchor (&); a text that starts with * needs quotes`,
	"comment.bad.yml": `
is empty; vigil config init writes one to start from`,
	"defaults.bad.yml": `
2: defaults.detector.leave: is 0.6, must be above detector.enter (0.9)
3: defaults.mask[0]: a polygon has at least 3 corners, this one has 1
4: defaults.open_timeout: is the number 5, must be a duration with a unit, such as 500ms, 10s or 2m
7: cameras[1].detector.leave: is 0.93, must be above detector.enter (0.95)`,
	"duplicate.bad.yml": `
2: threads: is given twice, first in line 1; must be given once
4: cameras[0].name: is given twice, first in line 4; must be given once`,
	"empty.bad.yml": `
is empty; vigil config init writes one to start from`,
	"env.bad.yml": `
1: nats.url: needs VIGIL_TEST_UNSET from the environment; must be set there (an empty value is fine)
1: nats.user: needs VIGIL_TEST_UNSET and VIGIL_TEST_UNSET_TOO from the environment; must be set there (an empty value is fine)
1: nats.token: has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is written $${)
1: nats.creds: has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is written $${)
3: cameras[0].source: the address's URL scheme is not one of rtsp, rtsps, http, https: want rtsp://, rtsps://, http:// or https:// and a host, a device (/dev/video0 or device:0), a file or a folder
3: cameras[0].hop: is a value of the environment, must be a whole number
3: cameras[0].transport: is a value of the environment, must be one of tcp, udp
3: cameras[0].name: is a value of the environment, must be 1 to 64 of a-z, 0-9, _ and -`,
	"http.bad.yml": `
2: http.listen: is "0.0.0.0:8080", which other machines reach; must have http.tls.cert and http.tls.key (or http.insecure: true, so that everyone on the way can read it), or be an address of this machine, such as 127.0.0.1:8080
3: http.pprof: is "vigil.example", must be an address of this machine with a port, such as 127.0.0.1:8080, or off`,
	"httpsame.bad.yml": `
1: http.pprof: is "127.0.0.1:7", the same as http.listen; must be another address, or off`,
	"list.bad.yml": `
1: is not a map of keys and values, as vigil config init writes it`,
	"many.bad.yml": `
1: data_dri: unknown key; did you mean data_dir?
2: log.format: is the number 7, must be text (put it in quotes)
2: log.level: is "loud", must be one of debug, info, warn, error
3: threads: is "two", must be a whole number
4: hop: unknown key; did you mean defaults.hop or cameras[].hop?
5: Nats: unknown key; did you mean nats?
7: defaults.hop: is 0, must be at least 1
8: defaults.fps: is "25", must be a number
12: cameras[0].hop: is the number 8.5, must be a whole number
13: cameras[0].open_timeout: is the number 10, must be a duration with a unit, such as 500ms, 10s or 2m
14: cameras[0].read_timeout: is 10m0s, must be at most 5m
15: cameras[0].mask[3][0]: is the number 1, must be a point: two numbers from 0 to 1, as [0.25, 0.5]
15: cameras[0].mask[3][1]: is the number 2, must be a point: two numbers from 0 to 1, as [0.25, 0.5]
15: cameras[0].mask[4][0]: is a list, must be a point: two numbers from 0 to 1, as [0.25, 0.5]
15: cameras[0].mask[0]: a polygon has at least 3 corners, this one has 2
15: cameras[0].mask[1]: has all its corners on one line; must enclose an area
15: cameras[0].mask[2]: corner 2 is (2, 0); corners are fractions of the picture, from 0 to 1
16: cameras[1].name: is "gate", the same as cameras[0].name; every camera must have a name of its own
18: cameras[1].detector.colldown: unknown key; did you mean cool_down?
18: cameras[1].detector.leave: is 0.6, must be above detector.enter (0.7)
20: cameras[2].name: is "Gate 3", must be 1 to 64 of a-z, 0-9, _ and -
21: cameras[2].reconnect.max: is 1s, must be at least reconnect.min (2s)
22: cameras[2].transport: is "sctp", must be one of tcp, udp
23: cameras[2].trust: is "", must be any, system or a file with certificates
24: cameras[2].follow[0]: is "***", must be a host or host:port, as media.example, media.example:8080, 10.0.0.7 or [fd00::7]:554
24: cameras[2].follow[1]: is "10.0.0.7:99999", its port is not a number from 1 to 65535; must be a host or host:port, as media.example, media.example:8080, 10.0.0.7 or [fd00::7]:554
25: cameras[3].source: is missing; must be a URL, a device, a video file or a folder of pictures`,
	"nats.bad.yml": `
1: nats.password: is missing; nats.user must have one
2: nats.url: has a user, password or token in it; must be given as nats.user and nats.password, or nats.token
4: nats.token: is given beside user; must be one of user, token, creds and nkey
6: nats.embedded.user: is missing; nats.embedded.password must have one
6: nats.embedded.host: is "0.0.0.0", which other machines reach; must be 127.0.0.1, or have nats.embedded.user and nats.embedded.password, or nats.embedded.accounts`,
	"accounts.bad.yml": `
6: nats.embedded.accounts[0].name: is "viewer", the same as nats.embedded.user; every account must have a name of its own
7: nats.embedded.accounts[1].name: is "_x y", must be 1 to 64 of letters, digits, ., _ and -, with a letter or a digit first
8: nats.embedded.accounts[2].password: is missing; an account must have one, or an nkey
9: nats.embedded.accounts[3].name: is "a", the same as accounts[2].name; every account must have a name of its own
9: nats.embedded.accounts[3].nkey: is given beside a password; must be one of the two
10: nats.embedded.accounts[4].nkey: is not the public key of a user; must be 56 capital letters and digits that begin with U (never a seed, which begins with S)
11: nats.embedded.accounts[5].rights: is "all", must be one of read, write
11: nats.embedded.accounts[5].nkey: the same as accounts[3].nkey; every account must have one of its own
12: nats.embedded.accounts[6].rights: is "", must be one of read, write
12: nats.embedded.accounts[6].name: is missing; every account must have a name
13: nats.embedded.store: is -1, must be at least 0
14: outbox.set_aside_after: is 0s, must be at least 1s`,
	"natsembedded.bad.yml": `
1: nats.user: is given without nats.url; must have one, or stand under nats.embedded for the server inside vigil
1: nats.password: is given without nats.url; must have one, or stand under nats.embedded for the server inside vigil
1: nats.token: is given without nats.url; must have one, or stand under nats.embedded for the server inside vigil
1: nats.creds: is given without nats.url; must have one, or stand under nats.embedded for the server inside vigil`,
	"sinks.bad.yml": `
4: nats.creds: is given beside token; must be one of user, token, creds and nkey
5: nats.tls.key: is missing; a certificate must have one
6: nats.embedded.mqtt_port: is given beside nats.url, with which the embedded server listens nowhere; must be left out
7: outbox.size: is 0, must be at least 1
8: evidence.longest: is 4s, must be above evidence.before (5s)
10: mqtt.url: has a user or password in it; must be given as mqtt.user and mqtt.password
11: mqtt.topic: is "/vigil/#", must be a topic without #, +, spaces, a $ before it or a / around it
13: webhook.url: is not an address to post to; must be as https://host/path
14: webhook.timeout: is 100ms, must be at least 1s`,
	"natsurl.bad.yml": `
1: nats.url: is not an address of a NATS server; must be as nats://host:4222 (or tls, ws, wss)`,
	"nothing.bad.yml": `
is empty; vigil config init writes one to start from`,
	"null.bad.yml": `
1: nats: has no value; must have one, or the key must be left out
3: cameras[0].source: has no value; must have one, or the key must be left out
4: cameras[1]: has no value; must have one, or the key must be left out`,
	"png.bad.yml": `
is not a text file in UTF-8; a configuration is YAML, as vigil config init writes it`,
	"ranges.bad.yml": `
1: data_dir: is "", must not be empty
2: threads: is -1, must be at least 0
3: nats.embedded.host: is "", must not be empty
3: nats.embedded.port: is 70000, must be at most 65535
7: cameras[0].fps: is written .nan, must be a decimal number
8: cameras[0].hop: is 161, must be at most 160
9: cameras[0].open_timeout: is 500ms, must be at least 1s
10: cameras[0].detector.enter: is 0, must be above 0
10: cameras[0].detector.leave: is 1.5, must be at most 1
10: cameras[0].detector.open_after: is -1s, must be at least 0s
10: cameras[0].detector.cool_down: is 25h0m0s, must be at most 24h
11: cameras[0].threshold: is given beside a calibration, which has a threshold; must be one of the two
11: cameras[0].threshold.theta: is 0.1, must be above lo (0.2) and finite
15: cameras[1].fps: is written .inf, must be a decimal number
16: cameras[1].threshold.theta: is written .inf, must be a decimal number
17: cameras[1].reconnect.min: is 1ms, must be at least 100ms
20: cameras[1].zones[1].name: is "z", the same as zones[0].name; every zone of a camera must have a name of its own
20: cameras[1].zones[1].polygon: a polygon has at least 3 corners, this one has 2
21: cameras[1].zones[2].name: is missing; every zone must have a name
21: cameras[1].zones[2].polygon: a polygon has at least 3 corners, this one has 0
22: cameras[1].zones[3].name: has a blank at its beginning or its end; must have none there
24: cameras[1].armed[0].days[1]: is "Fri", must be mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri
24: cameras[1].armed[0].from: is 24:00, must be from 00:00 to 23:59
25: cameras[1].armed[1].from: is "8:00", must be a time of day from 00:00 to 24:00, such as 07:30
25: cameras[1].armed[1].to: is "25:00", must be a time of day from 00:00 to 24:00, such as 07:30
26: cameras[1].armed[2].to: is 06:00, the same as from; must differ (a whole day is 00:00 to 24:00)`,
	"second.bad.yml": `
2: a second document starts here; must be one (take out the --- line)`,
	"secrets.bad.yml": `
1: ***: unknown key; known under the top are data_dir, log, threads, buffers, model, nats, outbox, evidence, mqtt, webhook, http, defaults, cameras
3: cameras[0].source: the URL's host is missing or malformed (in a user name or a password write @ / ? # : % and a blank as %40 %2F %3F %23 %3A %25 %20)
3: cameras[0].model: is a list, must be text (put it in quotes)
3: cameras[0].name: is "***", must be 1 to 64 of a-z, 0-9, _ and -`,
	"syntax.bad.yml": `
2: is not YAML: mapping values are not allowed in this context`,
	"tags.bad.yml": `
1: data_dir: has a YAML tag (!), which is not supported; a text that starts with ! needs quotes
3: cameras[0].<<: merge keys are not supported; what all cameras share goes under defaults
4: cameras[0]: has a key that is a list, a map or an alias; must be a word`,
	"text.bad.yml": `
1: is not a map of keys and values, as vigil config init writes it`,
	"types.bad.yml": `
1: data_dir: is a list, must be text (put it in quotes)
2: log: is "text", must be a map of keys and values
3: threads: is the number 1e+20, must be a whole number
4: nats.password: is a number, must be text (put it in quotes)
4: nats.embedded.port: is "4222", must be a whole number
6: cameras[0]: is "gate", must be a map of keys and values
7: cameras[1].tue: unknown key; known under cameras[1] are name, source, model, calibration, threshold, alarms, adapt, fps, hop, realtime, reader, transport, trust, follow, open_timeout, read_timeout, reconnect, frozen_after, memory, footage, untrusted, mask, zones, detector, armed, time_zone
7: cameras[1].name: is the number 7, must be text (put it in quotes)
7: cameras[1].source: is a number, must be text (put it in quotes)
7: cameras[1].threshold: is the number 0.5, must be a map of keys and values
7: cameras[1].fps: is true, must be a number
7: cameras[1].hop: is a list, must be a whole number
7: cameras[1].realtime: is "yes", must be true or false
7: cameras[1].mask: is the number 1, must be a list
7: cameras[1].zones: is a map, must be a list
7: cameras[1].armed: is "mon", must be a list
8: cameras[2].close: unknown key; known under cameras[2] are name, source, model, calibration, threshold, alarms, adapt, fps, hop, realtime, reader, transport, trust, follow, open_timeout, read_timeout, reconnect, frozen_after, memory, footage, untrusted, mask, zones, detector, armed, time_zone
8: cameras[2].name: is a date, must be text (put it in quotes)
8: cameras[2].calibration: is the number 1.5, must be text (put it in quotes)
8: cameras[2].open_timeout: is "0", must be a duration with a unit, such as 500ms, 10s or 2m
8: cameras[2].detector: is a list, must be a map of keys and values
8: cameras[2].time_zone: is "Mars/Base", must be an IANA time zone such as Europe/Berlin, or left out for this machine's own`,
}
