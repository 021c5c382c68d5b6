"""The contenders, a file each: `name`, `version` and `work`, {kind: function that makes a Work}.

Each is imported in a process of its own only, under an interpreter that has its library.
"""
