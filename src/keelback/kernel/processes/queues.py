"""Queues: doubly linked lists of a table's elements, so that one is put in or taken out in a fixed number of steps.

    Queue.first ──> element ──next──> element ──next──> element <── Queue.last
                            <─previous─       <─previous─

1. An element is named by its index; element 0 of a table is in no queue, so 0 stands for none.
2. An element has a link for each kind of queue that it can be in at a time; all zero in a link means in none, or alone.
"""

from collections.abc import Callable

from keelback.lang import Component, Struct, u16


class Queue(Struct):
    """Elements of a table in a row, by their indices; all zero means that there are none."""

    first: u16
    last: u16


class Link(Struct):
    """An element's neighbours in a queue, by their indices; 0 means that there is none."""

    next: u16
    previous: u16


class Queues(Component):
    """What is done to queues of one kind: `link` returns the link of an element by which they go."""

    def __init__(self, link: Callable[[u16], Link]) -> None:
        self.link = link

    def push(self, queue: Queue, number: u16) -> None:
        """Put an element that is in no queue of this kind behind the others."""
        self.push_link(queue, number, self.link(number))

    def push_link(self, queue: Queue, number: u16, link: Link) -> None:
        """Do the same with an element whose link is known."""
        last = queue.last
        if last == 0:
            queue.first = number
        else:
            link.previous = last
            self.link(last).next = number
        queue.last = number

    def pop(self, queue: Queue) -> u16:
        """Take the first element out of a queue that has one, and return it."""
        number = queue.first
        link = self.link(number)
        after = link.next
        if after == 0:
            queue.clear()
        else:
            queue.first = after
            self.link(after).previous = 0
            link.next = 0
        return number

    def remove(self, queue: Queue, number: u16) -> None:
        """Take an element out of the queue that it is in."""
        self.remove_link(queue, self.link(number))

    def remove_link(self, queue: Queue, link: Link) -> None:
        """Do the same with an element whose link is known."""
        after = link.next
        before = link.previous
        if before == 0:
            queue.first = after
        else:
            self.link(before).next = after
        if after == 0:
            queue.last = before
        else:
            self.link(after).previous = before
        link.next = 0
        link.previous = 0
