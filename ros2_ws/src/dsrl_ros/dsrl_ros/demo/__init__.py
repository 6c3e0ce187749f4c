"""The demonstration: measure, learn, measure again, report."""
