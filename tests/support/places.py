"""Files of places: the example, and small ones that tests change."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "shops.toml"

PLACE = """
[[place]]
id = "{id}"
kind = "hall"
name = "{id}"
address = "somewhere"
latitude = 23.1
longitude = 113.3
time_zone = "Asia/Shanghai"
hours = ["Mon-Fri 09:00-18:00"]
"""

CSV = """id,kind,name,address,latitude,longitude,time_zone,hours,services,special,step_free
one,shop,一店,路一号,23.1,113.3,Asia/Shanghai,Mon-Fri 09:00-18:00;Sat 10:00-12:00,top-up esim,2026-12-31 closed,yes
two,shop,二店,路二号,north,113.3,Asia/Shanghai,Mon-Fri 09:00-18:00,,,
"""
