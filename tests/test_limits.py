"""As many requests and tokens a minute as the provider allows, and no more.

Time is a clock that stands still until something waits.
"""

import asyncio

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.llm import limits
from pipeline.llm.limits import LONGEST_WAIT, LOOK_AGAIN, MINUTE, Bucket, Limiter, retry_after

SHIPPED_MARGIN = limits.MARGIN
BURST, MARGIN = 1.0, 0.98
"""Round numbers, in place of those that the program is tuned to."""

A_SECOND = BURST * MARGIN / MINUTE
"""Share of a minute's limit that may go out at once."""

HOSTILE = [
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-1",
    "soon",
    "0x10",
    "1,000",
    "6 requests",
    "\0",
]


class Clock:
    """A clock that stands still until it is moved, or something sleeps by it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._give_way = asyncio.sleep

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + 1e-9
        await self._give_way(0)


@pytest.fixture
def as_shipped() -> None:
    """The program's own numbers."""


@pytest.fixture(autouse=True)
def round_numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "as_shipped" not in request.fixturenames:
        monkeypatch.setattr(limits, "BURST", BURST)
        monkeypatch.setattr(limits, "MARGIN", MARGIN)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    return clock


def emptied(bucket: Bucket) -> Bucket:
    """A bucket from which all was taken that is in it."""
    while bucket.delay(1) == 0:
        bucket.take(1)
    return bucket


def test_a_full_bucket_gives_what_a_second_may_use_at_once(clock):
    bucket = Bucket(6000, clock)
    assert bucket.delay(6000 * A_SECOND) == 0
    bucket.take(6000 * A_SECOND)
    assert bucket.delay(98) == pytest.approx(1)


def test_a_bucket_is_refilled_evenly(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    clock.now += 0.5
    assert bucket.delay(49) == pytest.approx(0)
    assert bucket.delay(98) == pytest.approx(0.5)


def test_a_bucket_is_never_more_than_full(clock):
    bucket = Bucket(6000, clock)
    clock.now += 3600
    assert bucket.delay(98) == 0
    bucket.take(98)
    assert bucket.delay(98) == pytest.approx(1)


def test_a_bucket_of_a_slow_limit_holds_one(clock):
    bucket = Bucket(1, clock)
    assert bucket.delay(1) == 0
    bucket.take(1)
    assert bucket.delay(1) == pytest.approx(MINUTE / MARGIN)


def test_more_than_a_bucket_holds_waits_until_it_is_full_and_what_follows_waits_for_the_rest(clock):
    bucket = Bucket(6000, clock)
    assert bucket.delay(980) == 0
    bucket.take(980)
    assert bucket.delay(980) == pytest.approx(10)
    assert bucket.delay(49) == pytest.approx(9.5)


def test_what_is_given_back_can_be_taken_again(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    bucket.take(-49)
    assert bucket.delay(49) == 0


def test_what_was_taken_and_not_used_is_given_back_whole(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    clock.now += 1
    assert bucket.delay(98) == 0
    bucket.take(-98)
    bucket.take(98)
    assert bucket.delay(98) == 0


def test_a_lower_limit_of_the_provider_slows_a_bucket(clock):
    bucket = emptied(Bucket(6000, clock))
    bucket.heed(600, None)
    clock.now += 1
    assert bucket.delay(9.8) == pytest.approx(0)
    bucket.take(9.8)
    assert bucket.delay(9.8) == pytest.approx(1)


def test_a_higher_limit_of_the_provider_does_not_quicken_a_bucket(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    bucket.heed(1e12, None)
    assert bucket.delay(98) == pytest.approx(1)


def test_a_limit_that_the_provider_raises_again_holds_up_to_the_configured_one(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    bucket.heed(60, None)
    bucket.heed(12_000, None)
    assert bucket.delay(98) == pytest.approx(1)


@pytest.mark.parametrize("limit", [0, 0.5])
def test_a_limit_of_less_than_one_is_none(clock, limit):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    bucket.heed(limit, None)
    assert bucket.delay(98) == pytest.approx(1)


def test_where_nothing_remains_a_bucket_is_empty(clock):
    bucket = Bucket(6000, clock)
    bucket.heed(None, 0)
    assert bucket.delay(98) == pytest.approx(1)


def test_what_remains_does_not_fill_a_bucket(clock):
    bucket = Bucket(6000, clock)
    bucket.take(98)
    bucket.heed(None, 5000)
    assert bucket.delay(98) == pytest.approx(1)


@given(
    st.integers(1, 1_000_000),
    st.lists(st.tuples(st.sampled_from("twhg"), st.floats(0, 1e7)), max_size=30),
)
def test_no_history_makes_a_bucket_wait_longer_than_what_was_taken_takes(limit, history):
    clock = Clock()
    bucket = Bucket(limit, clock)
    taken = 0.0
    for event, amount in history:
        if event == "t":
            bucket.take(amount)
            taken += amount
        elif event == "w":
            clock.now += amount
        elif event == "h":
            bucket.heed(None, amount)
        else:
            bucket.take(-amount)
    delay = bucket.delay(1)
    assert 0 <= delay <= (taken + 1) * MINUTE / (limit * MARGIN) * 1.001


@pytest.mark.parametrize("limit", [1, 3, 60, 500, 5000])
async def test_no_minute_has_more_requests_than_the_limit(clock, limit, as_shipped):
    limiter = Limiter(limit, 1e12, clock)
    sent = []
    for _ in range(2 * limit + 2):
        await limiter.wait(1)
        sent.append(clock())
    assert all(later - first > MINUTE for first, later in zip(sent, sent[limit:], strict=False))


@pytest.mark.parametrize("limit", [1, 3, 60, 500, 5000])
async def test_nearly_all_of_a_limit_is_used(clock, limit, as_shipped):
    limiter = Limiter(limit, 1e12, clock)
    begun = clock()
    for _ in range(2 * limit + 1):
        await limiter.wait(1)
    assert clock() - begun <= 2 * MINUTE / SHIPPED_MARGIN + 0.001


async def test_no_minute_has_more_tokens_than_the_limit_and_one_request(clock):
    limiter = Limiter(1e9, 10_000, clock)
    sent = []
    for tokens in [700, 50, 3000, 1, 900] * 20:
        await limiter.wait(tokens)
        sent.append((clock(), tokens))
    for first, _ in sent:
        assert sum(tokens for at, tokens in sent if first <= at <= first + MINUTE) <= 13_000


async def test_requests_are_sent_in_the_order_in_which_they_came(clock):
    limiter = Limiter(60, 1e9, clock)
    order = []

    async def send(name: int, tokens: int) -> None:
        await limiter.wait(tokens)
        order.append(name)

    await asyncio.gather(*(send(name, 10_000_000 // (name + 1)) for name in range(6)))
    assert order == list(range(6))


async def test_a_request_that_is_given_up_while_it_waits_holds_no_other_back(clock):
    limiter = Limiter(1, 1e9, clock)
    await limiter.wait(1)
    given_up, next_one = (asyncio.create_task(limiter.wait(1)) for _ in range(2))
    await clock.sleep(0)
    given_up.cancel()
    await next_one
    assert given_up.cancelled()


def test_an_estimate_is_replaced_by_what_was_used(clock):
    low, high, none = (Limiter(6000, 6000, clock) for _ in range(3))
    for limiter in (low, high, none):
        limiter._buckets["tokens"].take(49)
    low.correct(49, 98)
    high.correct(49, 24.5)
    none.correct(49, 0)
    delays = [limiter.delay(98) for limiter in (low, high, none)]
    assert delays == pytest.approx([1, 0.25, 0])


async def test_a_pause_holds_all_requests_back_until_it_is_over(clock):
    limiter = Limiter(6000, 6000, clock)
    limiter.pause(20)
    asked = clock()
    await limiter.wait(1)
    assert clock() - asked == pytest.approx(20)
    assert limiter.delay(1) == 0


def test_a_shorter_pause_does_not_end_a_longer_one(clock):
    limiter = Limiter(6000, 6000, clock)
    limiter.pause(20)
    limiter.pause(1)
    assert limiter.delay(1) == pytest.approx(20)


@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_the_providers_headers_lower_each_limit(clock, kind):
    limiter = Limiter(6000, 6000, clock)
    limiter.heed({f"x-ratelimit-limit-{kind}": "60", f"x-ratelimit-remaining-{kind}": "0"})
    assert limiter.delay(1) == pytest.approx(1 / MARGIN)


def test_headers_are_read_in_whatever_case_they_come(clock):
    limiter = Limiter(6000, 6000, clock)
    limiter.heed(httpx2.Headers({"X-RateLimit-Remaining-Requests": "0"}))
    assert limiter.delay(1) == pytest.approx(1 / 98)


def test_an_answer_without_headers_changes_nothing(clock):
    limiter = Limiter(6000, 6000, clock)
    limiter.heed({})
    assert limiter.delay(98) == 0


@pytest.mark.parametrize("value", HOSTILE)
def test_a_header_without_a_number_changes_nothing(clock, value):
    limiter = Limiter(6000, 6000, clock)
    limiter.heed(
        {
            f"x-ratelimit-{what}-{kind}": value
            for what in ("limit", "remaining")
            for kind in ("requests", "tokens")
        }
    )
    assert limiter.delay(98) == 0
    limiter.correct(0, 98)
    assert limiter.delay(98) == pytest.approx(1)


@given(st.text(), st.text())
def test_no_header_can_make_a_limiter_wait_longer_than_a_minute(limit, remaining):
    limiter = Limiter(6000, 6000, Clock())
    for kind in ("requests", "tokens"):
        limiter.heed(
            {f"x-ratelimit-limit-{kind}": limit, f"x-ratelimit-remaining-{kind}": remaining}
        )
    assert 0 <= limiter.delay(1) <= MINUTE / MARGIN


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
        ({"retry-after": "86400"}, 86400),
        ({"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_read(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_wait_that_is_asked_for_as_a_date_is_read():
    assert (retry_after({"retry-after": "Fri, 01 Jan 2999 00:00:00 GMT"}) or 0) > LONGEST_WAIT


def test_a_limit_that_would_stop_the_run_is_not_believed(clock):
    limiter = Limiter(600, 1e12, clock)
    limiter.heed({"x-ratelimit-limit-requests": "1"})
    limiter.delay(1)
    clock.now += 10
    assert limiter.delay(1) == 0


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
def test_a_wait_that_is_no_number_is_none(name, value):
    assert retry_after({name: value}) is None


@given(st.text(), st.text())
def test_a_wait_is_never_negative_and_never_without_end(ms, seconds):
    wait = retry_after({"retry-after-ms": ms, "retry-after": seconds})
    assert wait is None or 0 <= wait < float("inf")


async def test_time_lost_while_requests_wait_is_made_up(clock, monkeypatch):
    limiter = Limiter(600, 1e12, clock)
    slow = clock.sleep

    async def late(seconds: float) -> None:
        await slow(seconds + 0.05)

    monkeypatch.setattr(asyncio, "sleep", late)
    begun = clock()
    await asyncio.gather(*(limiter.wait(1) for _ in range(601)))
    assert clock() - begun <= MINUTE / MARGIN + 0.1


async def test_a_pause_is_not_made_up(clock):
    limiter = Limiter(600, 1e12, clock)
    sent = []

    async def send() -> None:
        await limiter.wait(1)
        sent.append(clock())

    await asyncio.gather(*(send() for _ in range(20)))
    limiter.pause(30)
    begun = clock()
    await asyncio.gather(*(send() for _ in range(40)))
    after = [at for at in sent if at >= begun + 30]
    assert len(after) == 40
    assert after[-1] - after[0] >= (40 - 1 - 10) / 10 - 0.001


def test_a_bucket_that_is_resized_keeps_what_was_earned_at_the_old_rate(clock):
    bucket = emptied(Bucket(6000, clock))
    clock.now += 0.5
    bucket.resize(600)
    assert bucket.delay(9.8) == 0
    bucket.take(9.8)
    assert bucket.delay(9.8) == pytest.approx(1)


def test_a_bucket_that_grows_earns_nothing_for_the_time_before(clock):
    bucket = emptied(Bucket(600, clock))
    clock.now += 1
    bucket.resize(6000)
    bucket.take(9.8)
    assert bucket.delay(98) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("limit", "shares"), [(500, 4), (250, 4), (240, 3), (6000, 7)])
async def test_no_minute_of_all_shares_together_has_more_requests_than_the_limit(
    limit, shares, as_shipped, monkeypatch
):
    sent = []
    for _ in range(shares):
        clock = Clock()
        monkeypatch.setattr(asyncio, "sleep", clock.sleep)
        limiter = Limiter(limit, 1e12, clock, shares=shares)
        for _ in range(2 * limit // shares):
            await limiter.wait(1)
            sent.append(clock())
    sent.sort()
    assert all(later - first > MINUTE for first, later in zip(sent, sent[limit:], strict=False))


@pytest.mark.parametrize("shares", [2, 4])
def test_what_the_providers_headers_say_is_parted_too(clock, shares):
    limiter = Limiter(12_000, 1e12, clock, shares=shares)
    limiter.heed({"x-ratelimit-limit-requests": "6000", "x-ratelimit-remaining-requests": "0"})
    assert limiter.delay(1) == pytest.approx(shares / 98)


async def test_whoever_waits_notices_that_its_share_has_grown(clock, monkeypatch):
    limiter = Limiter(4, 1e12, clock, shares=4)
    await limiter.wait(1)
    begun = clock()
    slow = clock.sleep

    async def growing(seconds: float) -> None:
        await slow(seconds)
        limiter.share(1)

    monkeypatch.setattr(asyncio, "sleep", growing)
    await limiter.wait(1)
    assert clock() - begun <= LOOK_AGAIN + MINUTE / 4 / MARGIN
