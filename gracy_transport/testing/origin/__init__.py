r"""A scriptable HTTP/1.1 server on real loopback sockets, to test clients against flaky APIs.

```python
async with Origin() as origin:
    origin.on("GET", "/flaky").reply(
        Reply(503),
        Reply(429, headers={"Retry-After": "2"}),
        Reply(json={"ok": True}),  # the last one repeats
    )
    origin.on("GET", "/broken").reply(Reply(text="never whole", fault="reset_in_body", fault_at=5))
    origin.on("/pokemon").handle(RateLimited(10, per=1.0, then=Paginated(["ditto", "pikachu"])))

    async with httpx.AsyncClient(base_url=origin.url) as client:
        response = await client.get("/flaky")

    assert [visit.status for visit in origin.visits] == [503]
```

It needs anyio and h11, which httpx brings, and runs on asyncio and trio, in the loop of the test. Each example below
stands in `async with Origin() as origin, httpx.AsyncClient(base_url=origin.url) as client:`.

# Routes

`origin.on(method, template)` answers a method, `origin.on(template)` every method. `{NAME}` in a template is one
segment of the path, a `*` at its end any rest; plain paths go before templates, templates in the order of their
scripting, and a route for GET also answers HEAD. What nothing is scripted for gets a 404, or a 405 for its method,
that says what is. The same method and template again replace the earlier route.

A route is given replies, of which the last one repeats (or all of them, with `cycle=True`), or a handler: a function,
sync or async, that takes the `Visit` and returns a `Reply`.

```python
origin.on("/health").reply(Reply(200), Reply(503), cycle=True)


async def greet(visit: Visit) -> Reply:
    return Reply(text=f"{visit.args['NAME']} {visit.query['greeting']} {visit.headers['x-who']}")


route = origin.on("GET", "/pokemon/{NAME}").handle(greet)
origin.on("*").reply(Reply(404, json={"error": "no such thing"}))  # last, since it takes all that comes

assert (await client.get("/pokemon/ditto?greeting=hi", headers={"X-Who": "me"})).text == "ditto hi me"
assert [(await client.get("/health")).status_code for _ in range(3)] == [200, 503, 200]
assert (await client.get("/else")).json() == {"error": "no such thing"}
assert route.count == len(route.visits) == 1
```

An error of a handler is answered with a 500, kept in `origin.errors`, and raised when the origin closes: a mistake in
a script should not pass for a flaky server.

# Replies

A `Reply` is a frozen value, checked when it is made. At most one body, at most one fault:

| field | what it is |
|---|---|
| `status` | 200 to 999; 200 unless given |
| `headers` | a mapping, or pairs, which may repeat a name; a `Content-Length` of yours is sent as it is, true or not |
| `json` | a body, encoded as JSON |
| `text` | a body, encoded as UTF-8 |
| `content` | a body of bytes |
| `chunks` | a streamed body: an iterable, async or not; a list, or a function that returns one, where it repeats |
| `raw` | bytes that replace status line, headers and body; then the connection closes |
| `interim` | interim statuses (100, 102 to 199) that are sent before all else |
| `delay` | seconds before the status line |
| `header_delay` | seconds before each header line: a drip that no read timeout notices |
| `chunk_delay` | seconds before each chunk after the first; a body that is not `chunks` drips byte by byte |
| `fault` | how it goes wrong, see below |
| `fault_at` | bytes of the body before the fault: half of a known body unless given, or the first of the `chunks` |

```python
origin.on("/odd").reply(Reply(302, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "/else")]))
origin.on("/early").reply(Reply(text="later", interim=[103], delay=0.01, header_delay=0.001))
origin.on("/drip").reply(Reply(chunks=[b"one ", b"two"], chunk_delay=0.01))
origin.on("/bytes").reply(Reply(content=b"\x00\x01", headers={"Content-Type": "image/x-tiny"}))
origin.on("/not-http").reply(Reply(raw=b"HTTP/1.1 200 Fine\r\nContent-Length: +2\r\n\r\nhi"))

assert (await client.get("/odd")).headers.get_list("set-cookie") == ["a=1", "b=2"]
assert [(await client.get(path)).text for path in ("/early", "/drip")] == ["later", "one two"]
assert (await client.get("/bytes")).content == b"\x00\x01"
```

# Faults

| `fault` | what the client gets |
|---|---|
| `"stall"` | nothing; the connection is held until the client leaves |
| `"hangup"` | nothing; the connection closes cleanly |
| `"reset"` | nothing; the connection is reset |
| `"garbage"` | bytes that are not HTTP, then a clean close |
| `"reset_after_headers"` | status and headers, then a reset |
| `"reset_in_body"` | `fault_at` bytes of the body, then a reset |
| `"stall_in_body"` | `fault_at` bytes of the body, then silence until the client leaves |
| `"truncate"` | `fault_at` bytes of the body, fewer than announced, then a clean close |
| `"overlong"` | the whole body, though only `fault_at` bytes were announced, then a clean close |
| `"bad_gzip"` | a whole body that is announced as gzip and is not |
| `"early_close"` | a whole answer on a connection that may be used again, and is closed all the same |

A reset is a TCP RST. On Linux the client can still read what was sent before it; other systems may drop that.

```python
faults = {"hangup": "RemoteProtocolError", "truncate": "RemoteProtocolError", "garbage": "RemoteProtocolError"}
for fault, error in faults.items():
    origin.on(f"/{fault}").reply(Reply(text="a body", fault=fault))
    try:
        await client.get(f"/{fault}")
    except httpx.RequestError as raised:
        assert type(raised).__name__ == error
    else:
        raise AssertionError(fault)
origin.on("/silent").reply(Reply(fault="stall"))
try:
    await client.get("/silent", timeout=0.05)
except httpx.ReadTimeout:
    pass
```

# Behaviours

Handlers that come with it; those that take `then` pass on to a reply or to another handler:

| handler | what it does |
|---|---|
| `RateLimited(limit, per, then)` | lets `limit` pass in any `per` seconds; all others get a 429 with `Retry-After` |
| `Flaky(seed, then, errors=, slow=, drops=)` | fails at these rates, the same way again with the same seed |
| `Paginated(items, page_size=)` | pages by `offset` and `limit`, with `count`, `next` and `previous` |
| `EventStream(events, interval=, cut_after=)` | server-sent events with ids; goes on after a `Last-Event-ID` |

`RateLimited` counts `passed`, `refused`, and the `worst` window of arrivals. `Flaky` gives `errors` (0.1 unless given)
one of `statuses`, `drops` one of `faults`, and answers `slow` ones `delay` seconds late; it counts `failed`, `dropped`
and `slowed`. What happens to a visit depends on the seed, the method, the target and how often that was asked, not on
the order of concurrent visits. `Paginated` caps what a client may ask for at `max_page_size=`. `EventStream` waits
`interval` seconds between events, and resets each connection after `cut_after` of them.

```python
limit = RateLimited(2, per=60, then=Paginated(["ditto", "pikachu", "eevee"], page_size=2))
origin.on("GET", "/pokemon").handle(limit)
page = (await client.get("/pokemon")).json()
assert (await client.get(page["next"])).json()["results"] == ["eevee"]
assert (await client.get("/pokemon")).headers["retry-after"] == "60"
assert (limit.passed, limit.refused, limit.worst) == (2, 1, 3)

flaky = Flaky(seed=7, then=Reply(text="fine"), errors=0.5)
origin.on("/flaky/*").handle(flaky)
statuses = [(await client.get(f"/flaky/{number}")).status_code for number in range(40)]
assert flaky.failed == 40 - statuses.count(200) > 0

origin.on("/events").handle(EventStream(["hello", {"n": 1}]))
events = await client.get("/events", headers={"Last-Event-ID": "1"})
assert events.text == 'id: 2\ndata: {"n": 1}\n\n'
```

# What it saw

`origin.visits` has the latest 10,000 visits (`max_visits=`), bodies included; a route has its own. A `Visit` has
`method`, `scheme`, `target`, `headers` (names in lower case), `body`, `text`, `json()`, `path`, `query`, `url`,
`template` and `args`, the `status` that was sent (`None` when a fault sent none), `arrived` and `left` in seconds of
the clock, its `number` and that of its `connection`. The origin counts without bound: `count`, `in_flight`,
`peak_in_flight`, `connections`, `open_connections`, `peak_connections`; `summary()` has them all, `clear()` starts
anew. Instead of a sleep, `until` waits for a condition on them. `down()` plays a restart: for the length of its block
nobody listens.

```python
origin.on("POST", "/orders").reply(Reply(201))
await client.post("/orders", json={"id": 7})
[visit] = origin.visits
assert (visit.method, visit.path, visit.json(), visit.status) == ("POST", "/orders", {"id": 7}, 201)
await origin.until(lambda: origin.in_flight == 0)
assert (origin.count, origin.connections) == (1, 1)

async with origin.down():
    try:
        await client.get("/orders")
    except httpx.TransportError:
        pass
assert (await client.post("/orders")).status_code == 201
```

Delays wait on `sleep=`, stamps come from `now=`: with `clock = FakeClock(auto=False)` and
`Origin(sleep=clock.sleep, now=clock.now)` the test moves the time, with `await clock.advance(seconds)`. A request body
of more than `max_body=` bytes, 10 MiB unless given, gets a 413. `host=` and `port=` say where it listens: on a free
port of 127.0.0.1 unless given. With `tls=`, an `ssl.SSLContext` that has a certificate for the host, it speaks HTTPS.

# From outside

Who cannot reach the object asks over HTTP; such requests are not in its books:

| request | answer |
|---|---|
| `GET /__origin__/visits` | a list of `[arrived, method, target, status]`, oldest first |
| `GET /__origin__/summary` | the counts, and `statuses`: the ended visits by status, `"null"` where none was sent |
| `DELETE /__origin__/visits` | a 204; visits, counts and peaks start anew, the script stays |

```python
await client.get("/nothing")
assert [line[1:] for line in (await client.get("/__origin__/visits")).json()] == [["GET", "/nothing", 404]]
assert (await client.get("/__origin__/summary")).json()["statuses"] == {"404": 1}
assert (await client.delete("/__origin__/visits")).status_code == 204
```

# In a process of its own

A benchmark, or a client that blocks its loop, wants a server that neither disturbs. A function without arguments makes
its origin, in a module or a file:

```python
# api.py
from gracy_transport.testing.origin import Origin, Reply


def make() -> Origin:
    origin = Origin()
    origin.on("/pokemon/{NAME}").reply(Reply(json={"name": "ditto"}, delay=0.01))
    return origin
```

`origin_process` runs it for the length of a block, `with` or `async with`; the child ends with the block, and also
when this process dies. It takes the function itself, too, where that is one of a module.

```python
async with origin_process("api.py:make") as remote:
    assert httpx.get(f"{remote.url}/pokemon/ditto").json() == {"name": "ditto"}
    [arrival] = remote.visits()
    assert (arrival.method, arrival.target, arrival.status) == ("GET", "/pokemon/ditto", 200)
    assert remote.summary()["peak_in_flight"] == 1
    remote.clear()
```

From a shell the first line of its output is the URL; it serves until it is interrupted, or with `--until-eof` until
its input ends. `--port` takes a free one unless given, `--backend` asyncio:

```console
$ python -m gracy_transport.testing.origin api.py:make --port 8000 --backend trio
```
"""

from __future__ import annotations

from .behaviours import Flaky, RateLimited
from .feeds import EventStream, Paginated
from .process import Arrival, OriginProcess, origin_process
from .reply import Fault, Reply
from .script import Handler, Route
from .server import Origin
from .visit import Visit

__all__ = [
    "Arrival",
    "EventStream",
    "Fault",
    "Flaky",
    "Handler",
    "Origin",
    "OriginProcess",
    "Paginated",
    "RateLimited",
    "Reply",
    "Route",
    "Visit",
    "origin_process",
]
