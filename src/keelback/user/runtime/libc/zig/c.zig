//! In place of zig's own c.zig: the parts of its C library that need neither an operating system nor floating point.
const std = @import("std");

pub const panic = std.debug.no_panic;

/// Functions that are in files of ours, since these are not as C wants them, or slow to come.
const not_these = [_][]const u8{
    "tolower", "toupper", "strtol", "strtoul", "strtoll", "strtoull", "strtoimax", "strtoumax", "memchr", "strnlen",
};

/// Export a function; a program may have its own of that name.
pub inline fn symbol(comptime function: *const anyopaque, comptime name: []const u8) void {
    @setEvalBranchQuota(100_000);
    inline for (not_these) |each| {
        if (comptime std.mem.eql(u8, name, each)) return;
    }
    @export(function, .{ .name = name, .linkage = .weak, .visibility = .hidden });
}

comptime {
    _ = @import("c/ctype.zig");
    _ = @import("c/inttypes.zig");
    _ = @import("c/search.zig");
    _ = @import("c/stdlib.zig");
    _ = @import("c/string.zig");
    _ = @import("c/strings.zig");
    _ = @import("c/wchar.zig");
}
