"""The open prepaid platform: topping up a mobile line, through every way a person pays for one."""
