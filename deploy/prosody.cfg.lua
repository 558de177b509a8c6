-- For Prosody 0.12: append to /etc/prosody/prosody.cfg.lua, then restart it: a reload does not start components.
-- The gateway and Prosody on one machine: nothing else can reach the component port.
component_ports = { 5347 }
component_interfaces = { "127.0.0.1", "::1" }
-- Without this the second of two small stanzas waits 40 ms for the first: ringing and answers come late.
network_settings = { nagle = false }

Component "gw.example.org"
    component_secret = "the line in the file xmpp-secret"
