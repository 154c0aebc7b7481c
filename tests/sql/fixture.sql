-- SPDX-License-Identifier: Apache-2.0
-- fixture.sql: two runs written by hand, small enough to check every report with a pencil.
-- Run 1 is sampled every 64 KiB, leaks in parse_line and keeps a cache; run 2 is in full mode and exact.
-- Runs on SQLite and on PostgreSQL.
INSERT INTO run VALUES
 (1, '0123456789abcdef0123456789abcdef', NULL, 'server.zst', 48213, '/usr/bin/server', '/usr/bin/server --port 80',
  4242, 1, 'host', 'boot', 'Linux 6.1', 'x86_64', 'glibc 2.36', 'cfi', '0.1.0', 'process', 1700000000000000000,
  10000000000, 'sampled', 65536, 4096, 1, 'exit', 12, 1520, 0, 1000000000, 1000000, 250000, 104857600, 200000, 9000000000),
 (2, 'fedcba9876543210fedcba9876543210', '0123456789abcdef0123456789abcdef', 'child.zst', 900, NULL, NULL,
  4243, 4242, 'host', 'boot', 'Linux 6.1', 'x86_64', NULL, 'fp', '0.1.0', 'fork', NULL,
  2000000, 'full', NULL, 4096, 0, NULL, 1, 4, 2, 1000000, 20000, 3, 600, 1, 1000000);
INSERT INTO capability VALUES (1, 'samples'), (1, 'free'), (1, 'mallinfo2');
INSERT INTO thread VALUES
 (1, 1, 1, 4242, 'server', 0, NULL, 1, 150000, 83886080, 120000),
 (2, 1, 2, 4250, 'worker', 100000000, 9500000000, 1, 100000, 20971520, 80000),
 (3, 1, 3, 4251, NULL, 200000000, NULL, 0, NULL, NULL, NULL),
 (4, 2, 1, 4243, 'child', 0, NULL, 1, 3, 600, 1);
INSERT INTO stack VALUES
 (1, '00000000000000000000000000000001', 3, 0, 'parse_line', 'serve', 'parse_line < serve < main', 'main;serve;parse_line', 'a0000000000000000000000000000001'),
 (2, '00000000000000000000000000000002', 3, 0, 'cache_insert', 'serve', 'cache_insert < serve < main', 'main;serve;cache_insert', 'a0000000000000000000000000000002'),
 (3, '00000000000000000000000000000003', 2, 0, 'load_config', 'main', 'load_config < main', 'main;load_config', 'a0000000000000000000000000000003'),
 (4, '00000000000000000000000000000004', 4, 1, 'parse_line', 'reload', 'parse_line < reload < serve < main', 'main;serve;reload;parse_line', 'a0000000000000000000000000000004');
-- samples of 100 bytes: weight 655.86, so each stands for 65586 bytes, and bytes_var is nearly bytes_sq
-- all of run 2, and two of run 1
INSERT INTO sample (id, run_id, stack_id, thread_id, birth_ns, death_ns, address, size_bytes, usable_bytes, interval_bytes, weight, kind) VALUES
 (1, 2, 1, 4, 1500000, 1800000, 4096, 300, 304, NULL, 1, 'malloc'), (2, 2, 1, 4, 100000, NULL, 8192, 100, 104, NULL, 1, 'malloc'),
 (3, 2, 1, 4, 200000, NULL, 12288, 200, 208, NULL, 1, 'malloc'), (4, 1, 2, 1, 2000000000, 3000000000, 4096, 100, 104, 65536, 655.86, 'malloc'),
 (5, 1, 1, 1, 2500000000, NULL, 8192, 100, 104, 65536, 655.86, 'malloc');
INSERT INTO stack_stat VALUES
 (1, 'allocated', 1, 400, 26234400, 1720608985600, 1717985000000, 262344, 172060898, 171798500, 1000000, 9990000000),
 (1, 'allocated', 2, 800, 52468800, 3441217971200, 3435970000000, 52468, 3441217, 3435970, 2000000, 9980000000),
 (1, 'allocated', 3, 2, 2097152, 2199023255552, 2199023, 2, 2, 0, 500000, 600000),
 (1, 'allocated', 4, 30, 1967580, 129045673920, 128848875000, 19676, 12904567, 12884887, 5000000000, 8000000000),
 (1, 'allocated', 0, 4, 262344, 17206089856, 17179850000, 2623, 1720608, 1717985, 7000000000, 7100000000),
 (1, 'live', 1, 380, 24922680, 1634578536320, 1632085750000, 249227, 163457853, 163208575, 1000000, 9990000000),
 (1, 'live', 2, 100, 6558600, 430152246400, 429496250000, 6558, 430152, 429496, 9000000000, 9980000000),
 (1, 'live', 3, 2, 2097152, 2199023255552, 2199023, 2, 2, 0, 500000, 600000),
 (1, 'live', 4, 5, 327930, 21507612320, 21474812500, 3279, 2150761, 2147481, 7000000000, 8000000000),
 (1, 'peak', 1, 350, 22955100, 1505532862400, 1503236875000, 229551, 150553286, 150323687, 1000000, 8990000000),
 (1, 'peak', 2, 200, 13117200, 860304492800, 858992500000, 13117, 860304, 858992, 8000000000, 8980000000),
 (1, 'peak', 3, 2, 2097152, 2199023255552, 2199023, 2, 2, 0, 500000, 600000),
 (1, 'temporary', 1, 3, 196758, 12904567392, 12884887500, 1967, 1290456, 1288488, 1000000, 9000000000),
 (1, 'temporary', 2, 300, 19675800, 1290456739200, 1288488750000, 19675, 1290456, 1288488, 2000000, 9000000000),
 (1, 'waste', 1, 380, 1993814, 10461000000, 10445000000, 249227, 163457853, 163208575, 1000000, 9990000000),
 (2, 'allocated', 1, 3, 600, 140000, 0, 3, 3, 0, 100000, 1500000),
 (2, 'live', 1, 2, 300, 50000, 0, 2, 2, 0, 100000, 200000),
 (2, 'peak', 1, 2, 500, 130000, 0, 2, 2, 0, 200000, 1500000);
INSERT INTO timeline VALUES
 (1, 0, 0, 100, 10000000, 900000000000, 890000000000, 4000000, 300000000000, 299000000000, 60, 6000000, 2400000000000, 400000000000, 40000, 30000000, 29900000, 6200000),
 (1, 1, 1000000000, 120, 8000000, 700000000000, 690000000000, 6000000, 400000000000, 399000000000, 90, 8000000, 2500000000000, 500000000000, 60000, 40000000, 39900000, 8300000),
 (1, 2, 2000000000, 120, 8000000, 700000000000, 690000000000, 5000000, 350000000000, 349000000000, 130, 11000000, 2700000000000, 700000000000, 90000, 60000000, 59900000, 11500000),
 (1, 4, 4000000000, 250, 16000000, 1400000000000, 1390000000000, 11000000, 750000000000, 749000000000, 210, 16000000, 3100000000000, 1000000000000, 130000, 90000000, 89900000, 16900000),
 (1, 6, 6000000000, 230, 15000000, 1300000000000, 1290000000000, 8000000, 550000000000, 549000000000, 320, 23000000, 3500000000000, 1500000000000, 180000, 120000000, 119900000, 24300000),
 (1, 8, 8000000000, 200, 13000000, 1100000000000, 1090000000000, 3000000, 250000000000, 249000000000, 552, 38169452, 4564860610752, 2364428398000, 242670, 151413592, 151182681, 40100000),
 (1, 9, 9000000000, 100, 13030276, 1100000000000, 1090000000000, 12000000, 850000000000, 849000000000, 487, 33906362, 4285261650592, 2085256000000, 259066, 166038768, 165785554, 35900000),
 (2, 0, 0, 2, 300, 50000, 0, 0, 0, 0, 2, 300, 50000, 0, 2, 2, 0, 320),
 (2, 1, 1000000, 1, 300, 90000, 0, 300, 90000, 0, 2, 300, 50000, 0, 2, 2, 0, 320);
INSERT INTO history
SELECT run_id, 1000000000, start_ns, samples, alloc_bytes, alloc_bytes_sq, alloc_bytes_var, alloc_bytes / 100, freed_bytes,
       freed_bytes / 100, live_bytes, live_bytes_sq, live_bytes_var, live_blocks, 9000000 + bucket, 5000000, 1, 60, 2
  FROM timeline;
INSERT INTO history VALUES
 (1, 60000000000, 0, 590, 40000000, 3400000000000, 3390000000000, 4000, 30000000, 3000, 16000000, 3100000000000, 1000000000000, 130000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO thread_stat VALUES
 (1, 'allocated', 1, 1000, 65000000, 4300000000000, 4290000000000, 300000, 190000000, 189000000),
 (1, 'allocated', 2, 236, 18030276, 3200000000000, 1000000000000, 37113, 12000000, 11900000),
 (1, 'live', 1, 487, 33906362, 4285261650592, 2085256000000, 259066, 166038768, 165785554),
 (2, 'allocated', 4, 3, 600, 140000, 0, 3, 3, 0),
 (2, 'live', 4, 2, 300, 50000, 0, 2, 2, 0);
INSERT INTO size_stat VALUES
 (1, 'allocated', 97, 112, 434, 28464324, 1866861000000, 1864014000000, 284643, 186686100, 186401400, 2277144),
 (1, 'allocated', 897, 1024, 800, 52468800, 3441217971200, 3435970000000, 52468, 3441217, 3435970, 419744),
 (1, 'allocated', 917505, 1048576, 2, 2097152, 2199023255552, 2199023, 2, 2, 0, 7168),
 (1, 'live', 97, 112, 385, 25250610, 1656086148640, 1653560000000, 252506, 165608614, 165356000, 2020048),
 (1, 'live', 917505, 1048576, 2, 2097152, 2199023255552, 2199023, 2, 2, 0, 7168),
 (2, 'allocated', 97, 112, 1, 100, 10000, 0, 1, 1, 0, 4),
 (2, 'allocated', 193, 224, 1, 200, 40000, 0, 1, 1, 0, 0),
 (2, 'allocated', 257, 320, 1, 300, 90000, 0, 1, 1, 0, 12);
INSERT INTO process_tick VALUES
 (1, 0, 4194304, 104857600, 3145728, 1048576, 2097152, 0, 524288, 262144, 135168, 3145728, 0, 131072, 900, 3, 8388608, 268435456, NULL, NULL, NULL, NULL, NULL, NULL),
 (1, 2500000000, 15728640, 115343360, 3145728, 12582912, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 4000, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (1, 5000000000, 26214400, 125829120, 3145728, 22020096, 23068672, 0, 20971520, 1835008, 135168, 3145728, 0, 1048576, 7000, 3, 30408704, 268435456, NULL, NULL, NULL, NULL, NULL, NULL),
 (1, 9200000000, 52428800, 167772160, 3145728, 48234496, 49283072, 0, 46137344, 2883584, 135168, 3145728, 0, 1048576, 14000, 3, 56623104, 268435456, NULL, NULL, NULL, NULL, NULL, NULL),
 (1, 9900000000, 50331648, 167772160, 3145728, 46137344, 47185920, 0, 44040192, 2883584, 135168, 3145728, 0, 1048576, 14000, 3, 54525952, 268435456, NULL, NULL, NULL, NULL, NULL, NULL),
 (2, 100000, 4194304, 104857600, 3145728, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO allocator_tick VALUES
 (1, 0, 100000, 300000, 200000, 0, 400000, NULL, NULL, NULL, NULL, NULL),
 (1, 5000000000, 19000000, 2000000, 100000, 2101248, 19000000, NULL, NULL, NULL, NULL, NULL),
 (1, 9900000000, 38000000, 6000000, 100000, 2101248, 42000000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO rss_moment VALUES
 (1, 0, 4194304, 0, 0, 'less than 3 % is unexplained: the readings are moments apart'),
 (1, 5000000000, 27136000, 0, 0, 'less than 3 % is unexplained: the readings are moments apart'),
 (1, 9200000000, 53350400, 1, 0, 'memory that neither the allocator nor the program mapped through the C library: by bare system calls, by the loader, or before the recorder was there'),
 (1, 9900000000, 51253248, 0, 1, 'less than 3 % is unexplained: the readings are moments apart'),
 (2, 100000, 4194304, 1, 1, 'the allocator told nothing, so what it keeps free is in here, and so are thread stacks and what the program mapped itself');
INSERT INTO rss_part VALUES
 (1, 0, 1, 'live', 97000, 60000, 97500),
 (1, 0, 2, 'rounding', 2000, 2000, 2000),
 (1, 0, 3, 'headers', 1000, 1000, 1000),
 (1, 0, 4, 'thread_caches', 0, 0, 0),
 (1, 0, 5, 'free_partial', 100000, 100000, 100000),
 (1, 0, 6, 'free_dirty', NULL, NULL, NULL),
 (1, 0, 7, 'free_top', 200000, 200000, 200000),
 (1, 0, 8, 'pool_free', 0, 0, 0),
 (1, 0, 9, 'heap_free', 0, 0, 0),
 (1, 0, 10, 'heap_garbage', 0, 0, 0),
 (1, 0, 11, 'mapped', 0, 0, 0),
 (1, 0, 12, 'static', 204800, 204800, 204800),
 (1, 0, 13, 'thread_stacks', 0, 0, 0),
 (1, 0, 14, 'main_stack', 135168, 135168, 135168),
 (1, 0, 15, 'files', 3145728, 3145728, 3145728),
 (1, 0, 16, 'shared', 0, 0, 0),
 (1, 0, 17, 'recorder', 131072, 131072, 131072),
 (1, 0, 18, 'unexplained', 177536, 177536, 177536),
 (1, 5000000000, 1, 'live', 17500000, 15900000, 17900000),
 (1, 5000000000, 2, 'rounding', 1100000, 1000000, 1125000),
 (1, 5000000000, 3, 'headers', 180000, 180000, 180000),
 (1, 5000000000, 4, 'thread_caches', 220000, 0, 240128),
 (1, 5000000000, 5, 'free_partial', 1900000, 1900000, 1900000),
 (1, 5000000000, 6, 'free_dirty', NULL, NULL, NULL),
 (1, 5000000000, 7, 'free_top', 100000, 100000, 100000),
 (1, 5000000000, 8, 'pool_free', 0, 0, 0),
 (1, 5000000000, 9, 'heap_free', 0, 0, 0),
 (1, 5000000000, 10, 'heap_garbage', 0, 0, 0),
 (1, 5000000000, 11, 'mapped', 1048576, 1048576, 1048576),
 (1, 5000000000, 12, 'static', 204800, 204800, 204800),
 (1, 5000000000, 13, 'thread_stacks', 73728, 73728, 73728),
 (1, 5000000000, 14, 'main_stack', 135168, 135168, 135168),
 (1, 5000000000, 15, 'files', 3145728, 3145728, 3145728),
 (1, 5000000000, 16, 'shared', 0, 0, 0),
 (1, 5000000000, 17, 'recorder', 1048576, 1048576, 1048576),
 (1, 5000000000, 18, 'unexplained', 479424, 479424, 479424),
 (1, 9200000000, 1, 'live', 32906362, 30160357, 35912749),
 (1, 9200000000, 2, 'rounding', 1993638, 1832177, 2170409),
 (1, 9200000000, 3, 'headers', 273000, 273000, 273000),
 (1, 9200000000, 4, 'thread_caches', 240128, 0, 240128),
 (1, 9200000000, 5, 'free_partial', 5900000, 5900000, 5900000),
 (1, 9200000000, 6, 'free_dirty', NULL, NULL, NULL),
 (1, 9200000000, 7, 'free_top', 100000, 100000, 100000),
 (1, 9200000000, 8, 'pool_free', 524288, 0, 524288),
 (1, 9200000000, 9, 'heap_free', 262144, 0, 262144),
 (1, 9200000000, 10, 'heap_garbage', 131072, 0, 300000),
 (1, 9200000000, 11, 'mapped', 1048576, 1048576, 1048576),
 (1, 9200000000, 12, 'static', 204800, 204800, 204800),
 (1, 9200000000, 13, 'thread_stacks', 73728, 73728, 73728),
 (1, 9200000000, 14, 'main_stack', 135168, 135168, 135168),
 (1, 9200000000, 15, 'files', 3145728, 3145728, 3145728),
 (1, 9200000000, 16, 'shared', 0, 0, 0),
 (1, 9200000000, 17, 'recorder', 1048576, 1048576, 1048576),
 (1, 9200000000, 18, 'unexplained', 5363192, 5363192, 5363192),
 (1, 9900000000, 1, 'live', 33106362, 30360357, 36112749),
 (1, 9900000000, 2, 'rounding', 1993638, 1832177, 2170409),
 (1, 9900000000, 3, 'headers', 273000, 273000, 273000),
 (1, 9900000000, 4, 'thread_caches', 240128, 0, 240128),
 (1, 9900000000, 5, 'free_partial', 5900000, 5900000, 5900000),
 (1, 9900000000, 6, 'free_dirty', NULL, NULL, NULL),
 (1, 9900000000, 7, 'free_top', 100000, 100000, 100000),
 (1, 9900000000, 8, 'pool_free', 524288, 0, 524288),
 (1, 9900000000, 9, 'heap_free', 262144, 0, 262144),
 (1, 9900000000, 10, 'heap_garbage', 131072, 0, 300000),
 (1, 9900000000, 11, 'mapped', 1048576, 1048576, 1048576),
 (1, 9900000000, 12, 'static', 204800, 204800, 204800),
 (1, 9900000000, 13, 'thread_stacks', 73728, 73728, 73728),
 (1, 9900000000, 14, 'main_stack', 135168, 135168, 135168),
 (1, 9900000000, 15, 'files', 3145728, 3145728, 3145728),
 (1, 9900000000, 16, 'shared', 0, 0, 0),
 (1, 9900000000, 17, 'recorder', 1048576, 1048576, 1048576),
 (1, 9900000000, 18, 'unexplained', 3066040, 3066040, 3066040),
 (2, 100000, 1, 'live', 300, 300, 300),
 (2, 100000, 2, 'rounding', 20, 20, 20),
 (2, 100000, 3, 'headers', 0, 0, 0),
 (2, 100000, 4, 'thread_caches', NULL, NULL, NULL),
 (2, 100000, 5, 'free_partial', NULL, NULL, NULL),
 (2, 100000, 6, 'free_dirty', NULL, NULL, NULL),
 (2, 100000, 7, 'free_top', NULL, NULL, NULL),
 (2, 100000, 8, 'pool_free', 0, 0, 0),
 (2, 100000, 9, 'heap_free', 0, 0, 0),
 (2, 100000, 10, 'heap_garbage', 0, 0, 0),
 (2, 100000, 11, 'mapped', NULL, NULL, NULL),
 (2, 100000, 12, 'static', NULL, NULL, NULL),
 (2, 100000, 13, 'thread_stacks', NULL, NULL, NULL),
 (2, 100000, 14, 'main_stack', NULL, NULL, NULL),
 (2, 100000, 15, 'files', 3145728, 3145728, 3145728),
 (2, 100000, 16, 'shared', NULL, NULL, NULL),
 (2, 100000, 17, 'recorder', NULL, NULL, NULL),
 (2, 100000, 18, 'unexplained', 1048256, 1048256, 1048256);
INSERT INTO recorder_tick VALUES
 (1, 0, 0, 65536, 0, 0, 0, 0, 0, 120, 0, 131072),
 (1, 9900000000, 12000000, 65536, 8192, 2, 131172, 1, 30, 48000, 0, 1048576);
INSERT INTO gap VALUES (1, 2, 1500000, NULL, NULL, 700, 900, 'the file ends inside block 1');
INSERT INTO loss VALUES
 (1, 'dropped_samples', 2, 131172, 'allocations that found no room in their ring; a larger ring keeps them'),
 (1, 'unmatched_free', 0, NULL, 'frees whose allocation is not in the trace'),
 (1, 'unknown_stack', 4, 262344, 'samples whose stack is not in the trace');
-- two looks at run 1: one area of eight regions, of which five are nearly empty and one is empty, and a small one
INSERT INTO heap_look VALUES
 (1, 'late', 9000000000, 2097152, 2097152, 120, 3145728, 3145000, 3152000, 5, 0.5, 1, 1),
 (1, 'end', 10000000000, 2097152, 2097152, 130, 0, 0, 0, 5, 0.5, 1, 2),
 (2, 'end', 2000000, 2097152, 4096, 2, 0, 0, 0, 1, 0, 0, 0);
INSERT INTO address_area VALUES
 (1, 'late', 1, 93824992231424, 93825009008640, 1, 8, 1, 5, 16252928, 4800000, 4100000, 5600000, 2097152, 9000000, NULL, NULL, 0.8169, 2097152, 'f9111210'),
 (1, 'late', 2, 140737350000640, 140737352097792, 1, 1, 0, 0, 1500000, 900000, 500000, 1400000, 0, 0, NULL, NULL, 1, 0, '9'),
 (1, 'end', 1, 93824992231424, 93825009008640, 1, 8, 2, 5, 16252928, 4000000, 3400000, 4700000, 4194304, 8000000, NULL, NULL, 0.6577, 4194304, 'f9111200'),
 (2, 'end', 1, 93824992231424, 93824994328576, 1, 1, 0, 1, 2097152, 200704, 200704, 200704, 1048576, 737280, 0.4471, 0.5, 1, 524288, '2');
INSERT INTO region VALUES
 (1, 'late', 93824996425728, 'nearly empty', 2097152, 131172, 20000, 400000, 1965980, 2, NULL, NULL, NULL, NULL),
 (1, 'late', 93825006911488, 'empty', 2097152, 0, 0, 0, 2097152, 0, NULL, NULL, NULL, NULL),
 (2, 'end', 93824992231424, 'nearly empty', 2097152, 200704, 200704, 200704, 1896448, 2, 512, 256, 180, 737280);
INSERT INTO pin VALUES
 (1, 'late', 1, 1, 'parse_line', 1, 9, 7800000, 4900000, 9400000, 7800000, 590274, 5903, 8999000000),
 (1, 'late', 2, 3, 'load_config', 1, 1, 1200000, 200000, 3900000, 1200000, 65536, 1, 8999500000),
 (1, 'end', 1, 1, 'parse_line', 1, 9, 8000000, 5000000, 9600000, 8000000, 590274, 5903, 9999000000),
 (2, 'end', 1, 1, 'parse_line', 1, 2, 737280, 737280, 737280, 1896448, 200704, 2, 1900000);
INSERT INTO rounding VALUES
 (1, 'late', 1, 0, 'parse_line', 1, NULL, NULL, NULL, 380, 249227, 24922680, 2990724, 23537932812, 23502000000),
 (1, 'late', 1, 1, 'parse_line', 1, 100, 112, 96, 300, 196758, 19675800, 2361096, 18582577632, 18554000000),
 (1, 'late', 1, 2, 'parse_line', 1, 90, 96, 80, 80, 58254, 5242880, 349524, 1527085826, 1525000000),
 (1, 'late', 2, 0, 'cache_insert', 2, NULL, NULL, NULL, 100, 6558, 6558600, 52464, 27524700, 27482000),
 (1, 'late', 2, 1, 'cache_insert', 2, 1000, 1008, 112, 100, 6558, 6558600, 52464, 27524700, 27482000),
 (1, 'late', 3, 0, '?', 0, NULL, NULL, NULL, 2, 1311, 131172, 20976, 219996288, 219660000),
 (1, 'late', 3, 1, '?', 0, 100, 116, 96, 2, 1311, 131172, 20976, 219996288, 219660000),
 (2, 'end', 1, 0, 'parse_line', 1, NULL, NULL, NULL, 2, 2, 300, 20, 208, 0),
 (2, 'end', 1, 1, 'parse_line', 1, 100, 112, 96, 1, 1, 100, 12, 144, 0);
INSERT INTO leak VALUES
 (1, 1, 1, 'site', 'leak', 'parse_line', 1, 1, 'parse_line', NULL, NULL, 'span', 'request', 310, 420, 400, 380,
  24922680, 22500000, 27500000, 249227, 225000, 275000, 9000000000, 8200000000, 9900000000, 0.95, 0.923, 0.969,
  100000000, 9900000000, 5, 590, 430, 45000000, 0.0000001, NULL, NULL,
  '95 % of the blocks born since 0.1 s outlived 99 % of those that were freed (45 ms), in 12 of 12 windows'),
 (2, 1, 3, 'site', 'cache', 'cache_insert', 2, 1, 'cache_insert', NULL, NULL, NULL, NULL, NULL, NULL, 800, 100,
  6558600, 5300000, 7900000, 6558, 5330, 7980, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 980000000, 1, 58, 43,
  1200000000, 0.8, NULL, NULL,
  'only young blocks survive: the oldest is 0.98 s old, and freed ones lived as long'),
 (3, 1, 4, 'site', 'startup', 'load_config', 3, 1, 'load_config', NULL, NULL, NULL, NULL, NULL, NULL, 2, 2,
  2097152, 2097152, 2097152, 2, 2, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 9999500000, 5, 600, 440,
  NULL, NULL, NULL, NULL,
  'allocated in the first 0.6 ms only, and kept'),
 (4, 1, 2, 'site', 'undecided', 'parse_line', 4, 2, 'parse_line', NULL, NULL, NULL, NULL, NULL, NULL, 30, 5,
  327930, 106000, 766000, 3279, 1065, 7654, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3000000000, 2, 180, 120,
  2000000000, 0.2, 20000000000, NULL,
  '5 survivors are too few to judge. Not enough data: run for about 20 more seconds.'),
 (5, 1, 5, 'site', 'steady', 'log_line', 2, 1, 'log_line', NULL, NULL, NULL, NULL, NULL, NULL, 40, 0,
  0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1000000, NULL, NULL, NULL,
  'every sampled block was freed'),
 (6, 1, 6, 'class', 'leak', 'Node', 4, 3, 'parse_line', 1, 1, NULL, NULL, NULL, NULL, 60, 40,
  131072, 93000, 179000, 2048, 1460, 2790, 47185920, 33700000, 64200000, 0.5, 0.377, 0.623,
  200000000, 9700000000, 5, 580, 420, 80000000, 0.0001, NULL, NULL,
  '30 of 60 objects survived three collections, from three places with too few samples each'),
 (7, 1, 7, 'eval', 'leak', 'x = f(x)', 0, 1, '?', NULL, NULL, 'eval', 'x = f(x)', 22, 30, 50, 25,
  65536, 42000, 97000, 640, 414, 945, 23592960, 15200000, 34800000, NULL, NULL, NULL,
  300000000, 9500000000, 5, 570, 410, NULL, NULL, NULL, NULL,
  '22 of 30 evaluations left something that ten later ones did not free'),
 (8, 1, 8, 'site', 'leak', 'load_plugin', 3, 1, 'load_plugin', NULL, NULL, NULL, NULL, NULL, NULL, 40, 40,
  4194304, 2990000, 5710000, 64, 46, 87, 1509949440, 1078000000, 2056000000, 1, 0.912, 1,
  100000000, 9900000000, 5, 590, 430, NULL, NULL, NULL, 'load_*',
  'nothing from this site was ever freed');
INSERT INTO eval_leftover VALUES (1, 1, 1, 12, 2, 3, 196758, 12904567392, 12884887500, 1967, 1290456, 1288488);
INSERT INTO scope_stat VALUES (1, 'eval', 'x = f(x)', 30, 0), (1, 'span', 'request', 430, 1);
-- what run 1 told about itself; run 2 told nothing
INSERT INTO mark VALUES (1, 1, 2000000000, 'warm'), (2, 1, 2500000000, 'steady');
INSERT INTO pause VALUES (1, 6000000000, 6100000000);
INSERT INTO heap VALUES (1, 1, 1, 'script', 67108864, 2, 0, 5000, 400000, 4000, 300000), (2, 1, 2, 'images', NULL, 1, 0, NULL, NULL, NULL, NULL);
INSERT INTO class VALUES (1, 1, 1, 'Node', 'tree'), (2, 1, 2, 'Text', NULL), (3, 1, 3, 'Token', 'lexer');
INSERT INTO gc VALUES
 (1, 1, 1, 1, 'minor', 'threshold', 1000000000, 1004000000, 4000000, 4000000, 4000000, 1, 4000000, 1000000, 4000, 1000, 0, 0, 3000000, 3000000, 500000, NULL, 10, 655860, 43015224640),
 (2, 1, 1, 2, 'minor', 'threshold', 2000000000, 2006000000, 6000000, 6000000, 6000000, 1, 5000000, 1500000, 4500, 1400, 0, 0, 3500000, 3500000, 600000, 4000000, 0, 0, 0),
 (3, 1, 1, 3, 'major', 'explicit', 4000000000, 4030000000, 30000000, 25000000, 15000000, 2, 9000000, 3000000, 7000, 2000, 0, 0, 6000000, 500000, NULL, 7500000, 64, 4231355, 276000000000),
 (4, 1, 1, 4, 'minor', 'threshold', 7000000000, 7003000000, 3000000, 3000000, 3000000, 1, 6500000, 3500000, 5200, 2500, 1, 0, 3000000, NULL, 700000, 3500000, 20, 1311720, 86030449280),
 (5, 1, 1, 5, 'incremental', NULL, 9900000000, NULL, NULL, NULL, NULL, NULL, 7000000, NULL, 5500, NULL, 0, 0, NULL, NULL, NULL, 3500000, 0, 0, 0);
INSERT INTO gc_pause VALUES
 (1, 1, 1, 1, 1000000000, 4000000), (2, 1, 1, 2, 2000000000, 6000000), (3, 1, 1, 3, 4000000000, 15000000),
 (4, 1, 1, 3, 4020000000, 10000001), (5, 1, 1, 4, 7000000000, 3000000), (6, 1, 1, NULL, 8000000000, 1000000);
INSERT INTO gc_utilisation VALUES
 (1, 1, 10000000, 0.0, 4000000000), (1, 1, 20000000, 0.25, 4000000000), (1, 1, 50000000, 0.49999998, 4000000000),
 (1, 1, 100000000, 0.74999999, 4000000000), (1, 1, 1000000000, 0.974999999, 4000000000);
INSERT INTO gc_site VALUES
 (1, 3, 1, 1, 40, 2623440, 172060898560, 171798500000, 0.62), (1, 3, 2, 2, 12, 787032, 51618269568, 51539550000, 0.19),
 (1, 3, 3, 0, 5, 327930, 21507612320, 21474812500, 0.08);
-- frame 3 stood 25 ms for collection 3; spans 2 and 4 are the late ones of their kind
INSERT INTO gc_late VALUES (1, 3, 'frame', 3, 25000001, 25000001), (1, 2, 'span', 2, 6000000, 5800000), (1, 3, 'span', 4, 15000000, 15000000),
 (1, 4, 'span', 4, 3000000, 3000000);
INSERT INTO first_gc_stat VALUES
 (1, 1, 1, 1, 0, 2, 2000, 2000000, 1800000, 20, 200, 180), (1, 1, 1, 1, 1, 80, 100000, 125000000, 120000000, 1000, 12500, 12000),
 (1, 1, 2, 2, 0, 60, 90000, 135000000, 130000000, 600, 6000, 5900), (1, 1, 2, 2, 1, 3, 4000, 5500000, 5000000, 30, 300, 280),
 (1, 1, 3, 0, 0, 1, 1000, 1000000, 900000, 10, 100, 90), (1, 1, 3, 0, 1, 3, 3300, 3630000, 3000000, 33, 363, 350);
INSERT INTO gc_survivor VALUES
 (1, 1, 0, 0, 0, 800, 800000), (1, 1, 0, 1, 1, 200, 200000),
 (1, 4, 0, 0, 0, 500, 500000), (1, 4, 0, 3, 0, 900, 1000000), (1, 4, 0, 12, 0, 400, 600000), (1, 4, 0, 127, 1, 700, 1400000),
 (1, 4, 1, 0, 0, 100, 100000), (1, 4, 1, 127, 1, 650, 1300000), (1, 4, 2, 3, 0, 900, NULL);
INSERT INTO survival_stat VALUES
 (1, 1, 1, 1, 0, 10, 10000, 10000000, 9000000, 100, 1000, 900), (1, 1, 1, 1, 30, 40, 50000, 62500000, 60000000, 500, 6250, 6000),
 (1, 1, 3, 2, 4, 5, 6000, 7200000, 7000000, 50, 500, 450), (1, 0, 0, 1, 21, 380, 24922680, 1634578536320, 1632085750000, 249227, 163457853, 163208575),
 (1, 0, 0, 2, 2, 100, 6558600, 430152246400, 429496250000, 6558, 430152, 429496);
INSERT INTO class_profile VALUES
 (1, 1, 1, 1, 1000000000, 10, 100, 20, 2000), (1, 1, 1, 2, 1000000000, 5, 500, 50, 5000),
 (1, 2, 1, 1, 5000000000, 12, 120, 60, 6000), (1, 2, 1, 2, 5000000000, 9, 900, 20, 2000),
 (1, 3, 1, 1, 9000000000, 14, 140, 95, 9500), (1, 3, 1, 2, 9000000000, 4, 400, 40, 4000);
INSERT INTO retained_set VALUES
 (1, 1, 1, 1, 1500000000, '_G.cache', 400000, 4000), (1, 1, 1, 2, 1500000000, 'package.loaded', 90000, 800),
 (1, 2, 1, 1, 9500000000, '_G.cache', 900000, 8900), (1, 2, 1, 2, 9500000000, 'main thread', 100000, 30),
 (1, 2, 1, 3, 9500000000, 'package.loaded', 90000, 800);
INSERT INTO frame_stream VALUES (1, 1, 1, 'screen', 16666667), (2, 1, 2, 'audio', NULL);
INSERT INTO frame_mark VALUES
 (1, 1, 1, 1, 1, 3900000000, 10000000, 'end', 1000, 10, 9, NULL, 400, 4, 100, 1, 0, 0, NULL, 0, 0, 3, 0, NULL, NULL),
 (2, 1, 1, 2, 1, 3916000000, 11000000, 'end', 1200, 12, 9, NULL, 300, 3, 100, 1, 0, 0, NULL, 0, 0, 4, 0, NULL, NULL),
 (3, 1, 1, 3, 1, 3999000000, 45000000, 'end', 1500, 15, 9, NULL, 500, 5, 100, 1, 25000001, 1, 3, 0, 0, 5, 0, 28333333, 'gc'),
 (4, 1, 1, 4, 1, 4050000000, 20000000, 'begin', 90000, 900, 9, NULL, 450, 5, 100, 1, 0, 0, NULL, 2, 8192, 6, 0, 3333333, 'allocation'),
 (5, 1, 1, 5, 1, 4070000000, 30000000, 'end', 1100, 11, 9, NULL, 450, 5, 100, 1, 0, 0, NULL, 0, 0, 900, 2, 13333333, 'faults'),
 (6, 1, 1, 6, 1, 4110000000, 17000000, 'end', 1000, 10, 9, NULL, 350, 5, 100, 1, 0, 0, NULL, 0, 0, 3, 0, 333333, 'other'),
 (7, 1, 1, 7, 2, 4140000000, 18000000, 'end', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1333333, 'unknown'),
 (8, 1, 1, 8, 1, 6999000000, 12000000, 'end', 900, 9, 9, NULL, 350, 5, 100, 1, 3000000, 1, 4, 0, 0, 3, 0, NULL, NULL),
 (9, 1, 1, 9, 1, 8000000000, 9000000, 'end', 900, 9, 9, NULL, 350, 5, 100, 1, 999999, 0, NULL, 0, 0, 3, 0, NULL, NULL),
 (10, 1, 1, 10, 1, 9990000000, NULL, 'nothing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (11, 1, 2, 1, 2, 5000000000, 2000000, 'end', 64, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (12, 1, 2, 2, 2, 5010000000, 3000000, 'end', 96, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO phase VALUES
 (1, 1, 3, 1, 1, 0, 'logic', 3999000000, 30000000, 500, 5, 4, NULL, NULL, NULL), (2, 1, 3, 1, 1, 0, 'render', 4030000000, 12000000, 1000, 10, 5, NULL, NULL, NULL),
 (3, 1, 3, 1, 1, 1, 'script', 3999000000, 29000000, 500, 5, 4, NULL, NULL, NULL), (4, 1, 5, 1, 1, 0, 'load', 4071000000, 25000000, 100, 1, 1, NULL, NULL, NULL);
INSERT INTO eval VALUES
 (1, 1, 1, NULL, 'add(1)', 1, 100000000, 1000000, 1000, 1100, 1050, 100, 64, 0, 0, 500, 5, 4, 120, 3, 0, 0, 0, 0, 0, 0, 0, 0),
 (2, 1, 1, NULL, 'add(1)', 1, 200000000, 1000000, 1100, 1200, 1150, 100, 128, 0, 0, 500, 5, 4, 120, 3, 3, 1, 65586, 4301522464, 4294962500, 20, 400, 399),
 (3, 1, 1, NULL, 'add(1)', 1, 300000000, 3000000, 1200, 1300, 1250, 100, 64, 1000000, 1, 500, 5, 4, 120, 3, 0, 0, 0, 0, 0, 0, 0, 0),
 (4, 1, 1, NULL, 'add(1)', 1, 400000000, 1000000, 1300, 1450, 1350, 150, 64, 0, 0, 600, 6, 4, 120, 3, 0, 0, 0, 0, 0, 0, 0, 0),
 (5, 1, 1, NULL, 'add(1)', 1, 500000000, 2000000, 1400, 1500, 1450, 100, 64, 0, 0, 500, 5, 4, 120, 3, 0, 0, 0, 0, 0, 0, 0, 0),
 (6, 1, 1, NULL, 'map(f)', 1, 600000000, 1000000, 1500, 1900, 1480, 400, NULL, 0, 0, 50, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (7, 1, 1, 6, 'map(f)', 1, 610000000, 1000000, 1500, 1900, 1480, 400, NULL, 0, 0, 50, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (8, 1, 1, NULL, 'map(f)', 1, 620000000, 1000000, 1500, 1900, 1480, 400, NULL, 0, 0, 50, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (9, 1, 1, NULL, 'map(f)', 1, 630000000, 1000000, 1500, 1900, 1480, 400, NULL, 0, 0, 50, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (10, 1, 1, NULL, 'map(f)', 1, 640000000, 1000000, 1500, 1900, 1480, 400, NULL, 0, 0, 50, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (11, 1, 1, NULL, 'x', 1, 700000000, 500000, 1500, 1500, NULL, 0, NULL, NULL, NULL, 10, 1, 1, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (12, 1, 2, NULL, NULL, NULL, 800000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0),
 (13, 1, 1, NULL, 'keep(x)', 1, 710000000, 400000, 1500, 1600, NULL, 100, NULL, NULL, NULL, 900, 9, 1, NULL, NULL, 8, 2, 131172, 8603044928, 8589925000, 40, 800, 798),
 (14, 1, 1, NULL, 'keep(x)', 1, 720000000, 400000, 1500, 1600, NULL, 100, NULL, NULL, NULL, 900, 9, 1, NULL, NULL, 8, 2, 131172, 8603044928, 8589925000, 40, 800, 798),
 (15, 1, 1, NULL, 'keep(x)', 1, 730000000, 400000, 1500, 1600, NULL, 100, NULL, NULL, NULL, 900, 9, 1, NULL, NULL, 8, 2, 131172, 8603044928, 8589925000, 40, 800, 798),
 (16, 1, 1, NULL, 'keep(x)', 1, 740000000, 400000, 1500, 1600, NULL, 100, NULL, NULL, NULL, 900, 9, 1, NULL, NULL, 8, 2, 131172, 8603044928, 8589925000, 40, 800, 798),
 (17, 1, 1, NULL, 'keep(x)', 1, 750000000, 400000, 1500, 1600, NULL, 100, NULL, NULL, NULL, 900, 9, 1, NULL, NULL, 8, 2, 131172, 8603044928, 8589925000, 40, 800, 798);
INSERT INTO span VALUES
 (1, 1, 1, 'request', 'GET /a', NULL, 1, 1000000000, 5000000, 'ok', 2000000, 10, NULL, NULL, NULL, NULL, 0, 4000, 40, 39, 800, 8, 3, 196758, 12904567392, 12884887500, 1, 65586, 4301522464, 4294962500, 3e11),
 (2, 1, 2, 'request', 'GET /b', NULL, 1, 2000000000, 8000000, 'ok', 3000000, 20, NULL, NULL, NULL, NULL, 6000000, 5000, 50, 49, 900, 9, 2, 131172, 8603044928, 8589925000, 1, 65586, 4301522464, 4294962500, 5e11),
 (3, 1, 3, 'request', 'GET /a', NULL, 1, 3000000000, 4000000, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, 0, 3000, 30, 30, 700, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0),
 (4, 1, 4, 'request', 'GET /a', NULL, 1, 5000000000, 90000000, 'timed_out', 80000000, 1, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 1, 65586, 4301522464, 4294962500, 0, 0, 0, 0, 1e13),
 (5, 1, 5, 'request', 'GET /c', NULL, 1, 9995000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0),
 (6, 1, 6, 'download', 'model', 1, 2, 1000000000, 3000000000, 'ok', NULL, NULL, 900, 1000, 2, 300, NULL, 9000, 9, 9, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0),
 (7, 1, 7, 'download', 'model', NULL, 2, 4000000000, 2000000000, 'cancelled', NULL, NULL, 500, 1000, 0, NULL, NULL, 8000, 8, 8, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO span (id, run_id, number, kind, begin_ns, duration_ns, ended, samples, bytes, bytes_sq, bytes_var,
                  left_samples, left_bytes, left_bytes_sq, left_bytes_var, held_byte_ns)
WITH RECURSIVE n (i) AS (SELECT CAST(8 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 19)
SELECT i, 1, i, 'request', 9900000000 + i * 1000000, 100000, 'ok', 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM n;
INSERT INTO span_leftover VALUES
 (1, 1, 1, 16, 4, 1, 65586, 4301522464, 4294962500, 655, 430152, 429496),
 (1, 2, 1, 15, 3, 1, 65586, 4301522464, 4294962500, 655, 430152, 429496),
 (1, 2, 2, 15, 3, 1, 65586, 4301522464, 4294962500, 655, 430152, 429496);
INSERT INTO pool VALUES
 (1, 1, 1, 'scratch', 'arena', 1, NULL, 65536, NULL), (2, 1, 2, 'nodes', 'slab', NULL, 64, NULL, 1024),
 (3, 1, 3, 'database', 'connection', NULL, NULL, NULL, 8), (4, 1, 4, 'textures', 'tier', NULL, NULL, NULL, NULL), (5, 1, 5, 'silent', 'buffer', NULL, 4096, 40960, 10);
INSERT INTO pool_tick VALUES
 (1, 1, 1000000000, 30000, 65536, 60000, 0, 0, 0, 0, 0, 100, 60000, 60000), (1, 1, 9000000000, 20000, 65536, 65536, 3, 9216, 0, 0, 0, 400, 65536, 74752),
 (1, 2, 9000000000, 32768, 65536, 40960, 0, 0, 0, 0, 0, 0, 40960, 40960), (1, 3, 8000000000, 5, 8, 8, 0, 0, 4, 20000000, 1, 0, 8, 8),
 (1, 4, 8000000000, 1000000, 4194304, 2000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO pool_stale VALUES (1, 1, 4070000000, 4, 12000), (1, 1, 9000000000, 9, 20000);
INSERT INTO pool_map VALUES (1, 2, 5000000000, 1024, 100, 3, 900, 'f000'), (1, 2, 9000000000, 1024, 512, 128, 16, '8888');
INSERT INTO pull VALUES (1, 'memory', 5, 0, 0, 1000000, 300000, 2000000000), (1, 'classes', 3, 1, 1, 90000000, 60000000, 10000000000);
-- as import sorts them
INSERT INTO quantile
WITH value (measure, subject_id, part, value) AS (
    SELECT 'frame_mark.duration_ns', stream_id, '', duration_ns FROM frame_mark
     UNION ALL
    SELECT 'frame_mark.alloc_bytes', stream_id, '', alloc_bytes FROM frame_mark
     UNION ALL
    SELECT 'frame_mark.heap_alloc_bytes', stream_id, '', heap_alloc_bytes FROM frame_mark
     UNION ALL
    SELECT 'span.duration_ns', 0, kind, duration_ns FROM span
     UNION ALL
    SELECT 'span.first_result_ns', 0, kind, first_result_ns FROM span
     UNION ALL
    SELECT 'span.alloc_bytes', 0, kind, alloc_bytes FROM span
     UNION ALL
    SELECT 'eval.alloc_bytes', 0, COALESCE(label, ''), alloc_bytes FROM eval
     UNION ALL
    SELECT 'eval.duration_ns', 0, COALESCE(label, ''), duration_ns FROM eval
     UNION ALL
    SELECT 'eval.net_bytes', 0, COALESCE(label, ''), net_bytes FROM eval
     UNION ALL
    SELECT 'gc_pause.duration_ns', heap_id, '', duration_ns FROM gc_pause
     UNION ALL
    SELECT 'gc_pause.duration_ns of kind', p.heap_id, g.kind, p.duration_ns
      FROM gc_pause p
      JOIN gc g ON g.id = p.gc_id
),
placed AS (
    SELECT v.*,
           ROW_NUMBER() OVER (PARTITION BY measure, subject_id, part ORDER BY value) AS place,
           COUNT(*) OVER (PARTITION BY measure, subject_id, part) AS told
      FROM value v
     WHERE value IS NOT NULL
)
SELECT 1, measure, subject_id, part, MAX(told),
       MAX(value) FILTER (WHERE place = (50 * told + 99) / 100), MAX(value) FILTER (WHERE place = (90 * told + 99) / 100),
       MAX(value) FILTER (WHERE place = (95 * told + 99) / 100), MAX(value) FILTER (WHERE place = (99 * told + 99) / 100), MAX(value),
       MAX(value) FILTER (WHERE place = FLOOR(0.50 * told - 1.96 * SQRT(0.2500 * told))), MAX(value) FILTER (WHERE place = CEIL(0.50 * told + 1.96 * SQRT(0.2500 * told)) + 1),
       MAX(value) FILTER (WHERE place = FLOOR(0.99 * told - 1.96 * SQRT(0.0099 * told))), MAX(value) FILTER (WHERE place = CEIL(0.99 * told + 1.96 * SQRT(0.0099 * told)) + 1)
  FROM placed
 GROUP BY measure, subject_id, part;
-- as import plans it
INSERT INTO capacity VALUES
 (1, 'rss', 0, 100, 40000000, 44000000, 45000000, 47000000, 48000000, 9000000000, 'tail', 1000000000, NULL, 100000000, 90, 50000000, 47500000, 56000000, 'grows', 1, 3600000000, 3000000000, 4200000000, 47000000, 46000000, 48500000),
 (1, 'live', 0, 10, 20000000, 24000000, 25000000, 26000000, 26214400, 9000000000, 'order', 0, 2000000000, 500000000, 20, 27000000, 25000000, 33000000, 'level', 0, 1000, -2000, 5000, 25000000, 20000000, 26214400),
 (1, 'heap', 1, 6, 3000000, 3500000, 3600000, 4000000, 4000000, 1000000000, 'tail', 0, NULL, 100000000, 60, 4100000, 3900000, 4800000, 'falls', 0, -9000, -12000, -4000, 3600000, 3000000, 4200000),
 (1, 'heap', 2, 1, 1000, 1000, 1000, 1000, 1000, 1000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
 (1, 'pool', 1, 90, 30000, 60000, 65536, 65536, 74752, 9000000000, 'tail', 0, NULL, 100000000, 90, 75000, 65536, 90000, 'level', 0, 0, -10, 10, 65536, 30000, 74752),
 (1, 'pool', 2, 90, 32768, 40960, 40960, 40960, 40960, 9000000000, 'order', 0, NULL, 100000000, 20, 41000, 40960, 45000, 'level', 0, 0, -10, 10, 40960, 32768, 40960),
 (1, 'pool', 3, 90, 5, 8, 8, 8, 8, 8000000000, 'tail', 0, NULL, 100000000, 40, 8, 8, 11, 'level', 0, 0, -10, 10, 8, 5, 8),
 (1, 'pool', 4, 1, 1000000, 1000000, 1000000, 1000000, 2000000, 8000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
 (2, 'rss', 0, 3, 4000000, 5000000, 5000000, 5000000, 5000000, 100000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO capacity_risk
WITH grid (place, risk) AS (
    VALUES (0, 0.975), (1, 0.5), (2, 0.25), (3, 0.1), (4, 0.05), (5, 0.025), (6, 0.01), (7, 0.001), (8, 0.0001)
)
SELECT c.run_id, c.measure, c.subject_id, g.risk, c.next_low_bytes + (c.next_high_bytes - c.next_low_bytes) * g.place / 5
  FROM capacity c
 CROSS JOIN grid g
 WHERE c.method IS NOT NULL;
INSERT INTO pool_occupancy VALUES
 (1, 1, 0, 1000000000, 0), (1, 1, 32768, 5000000000, 10), (1, 1, 65536, 3000000000, 70), (1, 1, 74752, 0, 10),
 (1, 2, 32768, 8000000000, 80), (1, 2, 40960, 1000000000, 10), (1, 3, 4, 4000000000, 40), (1, 3, 8, 4000000000, 40), (1, 4, 2000000, 2000000000, 20);
INSERT INTO pool_wait VALUES
 (1, 3, 1, 6.5, 0.87, 1), (1, 3, 2, 6.5, 0.74, 1), (1, 3, 8, 6.5, 0.14, 0.46), (1, 3, 9, 6.5, 0.09, 0.26), (1, 3, 12, 6.5, 0.017, 0.036), (1, 3, 14, 6.5, 0.004, 0.008), (1, 3, 20, 6.5, 0.00001, 0.00002);
INSERT INTO span_load VALUES
 (1, 'download', 2, 1000000000, 6000000000, 1, 1, 1000000000, 2500000000, 0, 0, 0, 0),
 (1, 'request', 17, 1000000000, 10000000000, 0.012, 12, 9910000000, 6776470.5, 100000, 393516, 25809134784, 25769775000);
