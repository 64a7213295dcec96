"""The stages of a build: functions from tables and files to tables and files."""
