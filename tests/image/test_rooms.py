"""Each part of an image fits its room, in every published layout with each of its page tables."""

from itertools import pairwise

import pytest

from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.rooms import rooms_of
from keelback.kernel.layout import PUBLISHED
from variants import name_of

PAYLOAD = b"a payload".ljust(1024, b"!")


@pytest.mark.parametrize("layout", PUBLISHED, ids=name_of)
def test_text_and_places_have_a_tenth_to_spare_and_the_image_has_them_where_they_are_said_to_be(layout):
    kernel = compiled(layout)
    text, places, records, payload = rooms_of(layout, kernel, len(PAYLOAD))
    print(f"{name_of(layout)}: {text}, {places}, {records}, {payload}")
    assert min(text.free / text.size, places.free / places.size) > 0.1
    image = make_image(layout, PAYLOAD, kernel)
    starts = [layout.kernel_start, layout.places, layout.text_end, layout.records_end, layout.region_limit]
    parts = [image[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]
    assert (len(parts[0]), len(parts[1])) == (text.size, places.size)
    for part, room in zip(parts, (text, places), strict=False):
        assert 0 <= room.taken - len(part.rstrip(b"\0")) < 16, "a few zeros may be the part's own"
    last = max(address for _, address in kernel.sections) - layout.text_end
    assert not any(parts[2]) and last < records.taken <= records.size == layout.records_limit - layout.text_end
    assert parts[3] == PAYLOAD and payload.taken == len(PAYLOAD)
