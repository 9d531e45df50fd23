-- For tests: notes a message in the index, or keeps its entry until its record is gone.
-- KEYS {sms}:n:XX, {sms}:n:XXX  ARGV 1 digest  2 id  3 now (ms)  4 'note' or 'end'  5 when the record is gone (ms)
if ARGV[4] == 'note' then index_number(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
else keep_indexed(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])) end
return 1
