"""All tests run the kernel strictly: integers, asserts and memory are checked as compiled code checks them."""

from keelback.lang import strict

strict.install("keelback.kernel")
