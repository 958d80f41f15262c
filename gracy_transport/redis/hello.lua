-- Shows that the server is there, and lets scripts run.
return 1
