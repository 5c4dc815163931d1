"""The command line. Only here are the clock asked, things printed, and exit codes given."""
