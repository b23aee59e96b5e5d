import asyncio

from currents_segment.sinks.segment.looks import Looks


def watched(story, *, delay=0.0, bug=None):
    """How often it looked, and which bugs it told of."""
    seen, told = [], []

    async def run():
        looked = asyncio.Event()

        def look():
            seen.append(len(seen))
            looked.set()
            if bug is not None:
                raise bug
            return delay

        await story(Looks(look, told.append), looked, seen)

    asyncio.run(asyncio.wait_for(run(), 20))
    return len(seen), told


def test_it_looks_at_once_and_then_after_as_long_as_it_said():
    """Without being asked."""

    async def story(looks, looked, seen):
        while len(seen) < 3:
            looked.clear()
            await looked.wait()
        looks.end()

    assert (3, []) == watched(story)


def test_news_bring_one_look_however_many_they_are():
    """Its timer is not waited for."""

    async def story(looks, looked, seen):
        await looked.wait()
        looked.clear()
        for _ in range(5):
            looks.soon()
        await looked.wait()
        for _ in range(5):
            await asyncio.sleep(0)

    assert (2, []) == watched(story, delay=3600.0)


def test_after_the_end_nothing_brings_it_back():
    """News come until the last moment."""

    async def story(looks, looked, seen):
        await looked.wait()
        looks.soon()
        looks.end()
        looks.soon()
        for _ in range(5):
            await asyncio.sleep(0)

    assert (1, []) == watched(story)


def test_a_bug_is_told_once_and_ends_it():
    """The process dies of it, by the slots."""
    bug = RuntimeError("a bug")

    async def story(looks, looked, seen):
        await looked.wait()
        looks.soon()
        for _ in range(5):
            await asyncio.sleep(0)

    assert (1, [bug]) == watched(story, bug=bug)
