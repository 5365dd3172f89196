"""What `jupyter mlops doctor` checks: each check returns findings and changes nothing."""
