"""Custom: functions with derivative and batch rules of the user's own."""
