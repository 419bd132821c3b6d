"""Checks: sanitiser builds, and functional assertions.

A sanitiser build runs the program with one more result, a flag that says whether anything went
wrong (`flags`). Only then the program is run again, equation by equation, on the same arguments
(`replay`), to find and report the first equation that failed (`report`). What fails is defined once
for both (`failures`), and by primitive (`classes`).
"""
