"""Words that tell of persons: first names, and what columns of personal data are called."""

from __future__ import annotations

from etl_assets.inspection.lexicon import words

FIRST_NAMES = words(
    """
    aage aaron abbas abdallah abdul abdullah abdulrahman abena abhishek abigail achim adam adebayo adel
    adele adem aditi aditya adnan adolfo adrian adriana adwoa afonso afroditi agata agathe agnes agneta
    agnieszka agustin ahmed ahmet aicha aida aidan aiko aino aisha aissatou aitor ajay akari akash akemi
    akihiro akiko akira akosua akram aksel akshay akua alaa alain alan albert alberto albrecht alejandra
    alejandro aleksandar aleksander aleksandr aleksandra aleksei aleksey alena alessandra alessandro
    alessia alex alexander alexandra alexandros alexei alexey alexis aleyna alfons alfonso alfred alfredo
    ali alice alicia alicja alin alina aline alison allison alois alok alonso alper alvaro alyssa alzbeta
    amadou amal amanda amar amara amelia amelie amina aminata amine amir amira amit amparo amrita amy ana
    anais anand ananya anas anastasia anastasios anatoli anatoly anders andras andre andrea andreas andrei
    andres andrew andrey andrzej aneta anette angel angela angeliki angelo anika anil anita anja anjali
    ankit ankita ann anna anne annegret anneliese annette annika anouk anthony antoine anton antonella
    antonia antonio anupam anuradha anusha anwar aoi aparna araceli arda arianna arjan arjun arkadiusz
    arkady armin arnaud arne arnold artem arthur artur arturo arun aruna arvid arvind asger asha ashish
    ashley ashok ashwin asli asma astrid asuka athanasios attila audrey aurelie aurore ava avinash axel
    ayaka aylin aymen ayse aysegul ayumi aziz babatunde balazs bamidele baptiste barbara baris barry bart
    bartosz beata beate beatrice beatriz begona ben benedikt benito benjamin benno benoit berit berk
    bernadette bernard bernd bertha bertrand bethany bettina betty beverly bharat bhavna bilal binh birgit
    birgitta bjarne bjorn bob bobby bogdan bohumil bojan boris boubacar bozena brad bram brandon branko
    brenda brendan brett brian brigitte britt bruce bruna bruno bryan bulent burak burcu burkhard caio
    caitlin caleb callum camila camilla camille canan carl carla carlos carlota carmen carol caroline
    carolyn carsten catalin catalina catarina caterina catherine cathy cecile cecilia cedric cees celine
    cem cemal cemile cesar cezary chandra charles charlotte chen cheng chiamaka chiara chidi chie chinedu
    chinwe chioma chloe chris christa christel christelle christer christian christina christine christoph
    christophe christopher christos chun cindy cinzia claire clara claudia claudio clive colin connor
    constantin corey corinna corinne cornelia cornelis cosmin courtney craig cristian cristiano cristina
    cristobal csaba cuong cynthia cyril czeslaw daan dagmar dagny daichi daiki daisuke damian damien dan
    daniel daniela daniele danielle danijel danuta daria dario dariusz darko darren dave david davide
    davor dawid debbie deborah debra deepa deepak deepika dejan delphine denis denise dennis derek derya
    detlef devika diana diane didier diego dieter dilek dimitra dimitrios dimitris dinesh diogo dirk divya
    djamila dmitri dmitriy dmitry doina dolores domenico dominic dominik dominika dominique donald donna
    doreen doris doro dorota dorothy dragan dragana duarte duc dumitru dusan dylan ebba eberhard ebru
    eckhard eddie edeltraud edgar edgardo edith edmund edouard eduardo edward edwin edyta eero efua eiji
    eileen einar eino ekaterina ekow elaine eleanor elena eleni elfriede eli elias elif elijah elin eline
    elisa elisabeth elise eliska elizabeth elke ella ellen ellie elodie elsa elzbieta emanuele emeka emil
    emile emilia emiliano emilie emilio emily emine emma emmanuel emmanuelle emrah emre encarnacion ender
    engin enrico enrique enzo ercan erdem erdogan eric erica erich erik erika erin erkan erkki ernest
    ernesto ernst espen esra esteban estelle esther eszter ethan etienne eugenia eunji eva evan evangelos
    evelin evelyn evgeni evgeniya evgeny ewa ewelina fabian fabien fabio fabiola fabrice fabrizio fadi
    fahad faisal fang farah farid faris farouk fatih fatiha fatima fatma fatou fatoumata federica federico
    fedor felipe felix femi femke feng ferdinand ferenc ferhat fernanda fernando fikret filip filipa
    filippo filiz finn fiona flavio fleur florent florian florin floris folake frances francesca francesco
    francisco franco francois francoise frank frantisek franz franziska franziskus fred freddie frederic
    frederick frederik fredrik freja frida friedrich frits fritz fumiko funmi gabor gabriel gabriela
    gabriele gael gaelle galina ganesh gareth gary gaurav gavin gayatri geert geeta genevieve gennady
    geoffrey georg george georgios georgy gerald geraldine gerard gerardo gerd gerda gergely gerhard
    gerrit gertrud ghassan gheorghe ghislaine giacomo gianluca gianni giannis giesela gilles gillian
    giorgia giorgio giovanna giovanni gisela gita giulia giuseppe giuseppina glenn gokhan goncalo gonzalo
    gopal goran goro gottfried govind graciela grazyna greg gregor gregory grigory grzegorz gudrun guido
    guillaume guillermo gulay gulsen gunilla gunnar gunter guo gustav gustavo gwen gyorgy gyula habib
    haider hakan hakon hala halil halina halvor hamid hamza hana hanako hanan hanna hannah hanne hannes
    hanno hans hao harald harish harold harriet harry harsh hartmut haruka haruki haruto hasan hassan
    hatice hector hedwig heidi heike heikki heiner heinrich heinz helen helene helga helle helmut hemant
    hendrik henk henning henrik henrique henry henryk herbert hermann herve hicham hideki hideo hilde
    hildegard hiroki hiroko hiromi hiroshi hisashi hitomi holger honza horst hubert huda hugh hugo hui
    hulya huong huseyin hussain hussein huy hyejin ian ibrahim ibrahima ibtisam ichiro ida ifeanyi ignacio
    igor ildiko ileana ilhan ilker ilona ilse ilya iman imran imre indira ines inge ingeborg inger ingo
    ingrid ingvar inmaculada inna ioana ioanna ioannis ionut irena irene irina irmgard isaac isabel
    isabell isabella isabelle isak isamu isla ismael ismail istvan iulia ivan ivana ivo iwona izabela jaap
    jacek jack jacob jacqueline jacques jadwiga jaime jake jakob jakub jamal james jamie jamila jan jana
    jane janet janice janina jannik janos janusz jarmila jaromir jaroslav jaroslaw jasna jason javier jaya
    jean jeanne jeff jeffrey jelena jenna jennifer jenny jens jeremy jeroen jerome jerry jerzy jesper
    jessica jesus jian jianguo jie jihoon jill jim jimmy jindrich jing jiri jisoo jitka jiwon jiyoung
    joachim joakim joan joana joanna joanne joao joaquin jochen joe joel johan johanna johannes john
    johnny jolanta jon jonas jonathan joost jorg jorge jorgen joris jorn jose josef josefa joseph
    josephine josette josh joshua jost jovan joyce jozsef juan juana judit judith judy juha jukka julia
    julian julie julien juliet juliette julio junho junichi junko jurgen jussi justin justyna jutta jyoti
    kaare kadir kai kaito kalpana kamal kamala kamil kamila kana kaori kapil karel karen kari karim karin
    karl karla karlheinz karol karolina karsten kasper kata katalin katarina katarzyna kate katerina
    katharina kathe katherine kathleen kathrin kathryn kathy katie katrin katrine katsuo kavita kazimierz
    kazuki kazuko kazuo kees keiko keita keith kemal ken kenan kenichi kenji kenneth kenta kerem kerry
    kerstin kevin khadija khaled khalid khanh kieran kim kimberly kinga kiran kirill kirsi kirsten kirstin
    kishore kiyoshi kjell klara klaus knut koen kofi koichi konrad konstantin konstantina konstantinos
    kostas krishna kristen kristian kristin kristina kristoffer krystyna krzysztof kumar kumiko kurt kveta
    kwabena kwadwo kwaku kwame kyle kyoko kyung ladislav laetitia laila lakshmi lalit lamia lamine lara
    larisa larry lars lasse laszlo lata latifa laura lauren laurence laurent laurie layla lea leah lech
    lee lei leif leila lena leni lenka lennart leo leon leonard leonid leonie leszek leticia levent leyla
    li liam liang libor libuse lidia lieke liesel liisa lillian lina linda ling linh linnea linus lionel
    lisa liu liviu ljubica loic lois lorena lorenzo lothar lotte loubna louis louisa louise lubos luc luca
    lucas lucia luciano lucie lucien lucrezia lucy lucyna ludmila ludovic ludwig ludwik luigi luis luisa
    luise luiza luka lukas luke lutz lydia lynn lyudmila maarten maciej madeleine madhuri mael magda
    magdalena maha mahdi mahesh mahmoud mahmud maike maja majid maki makoto maksim malcolm malgorzata
    malika malin malte malwina mamadou mami manabu manfred manish manisha manoj manon manuel manuela marc
    marcel marcela marcella marcelo marcin marcio marco marcus mareike marek margaret margarete margaux
    margit margot margret marguerite maria mariam mariama mariana marianne mariano marie marieke marija
    marijke mariko marilyn mario marisol marit marius mariusz marjan marjorie mark marketa markku marko
    markus marlene marlies marlis marta martha marthe martin martina martti mary maryam masako masao
    masashi masato massimo mateo mateus mateusz mathias mathieu mathilde matias matilde mats matt matteo
    matthew matthias matti matyas maureen maurice maurizio maxim maxime maximilian mayumi meena meera
    megan megumi mehdi mehmet mei meike melanie melek melina melissa melvin merete merle mert merve mette
    mia michael michaela michal micheal michel michele michelle michiko mickael midori mieczyslaw mieke
    miguel mihai mika mikael mike mikhail mikkel mikko miklos mikolaj mila milada mildred milena milica
    milos ming minh minho minji minjun minoru minsoo mircea mireille miriam mirjam mirjana mirko miroslav
    miroslawa misa misaki mitsuko moez mogens mohamad mohamed mohammad mohammed mohan mohsen moises molly
    mona monica monika monique moritz morten mounir moussa muhammad mukesh mukhtar munira murat muriel
    musa mustafa mustapha nabil nada nadege nadezhda nadia nadine naima nancy nandini naoki naoko naomi
    narayan naresh nasser natalia natalie natasa natasha nathalie nathan natsuki naveen nawal nazli neelam
    neha neil nele nemanja nenad nermin ngoc ngozi nguyen nicholas nick nicola nicolae nicolas nicole
    niels nienke nigel nihat nikhil nikita niklas nikola nikolai nikolaos nikolay nikos nilgun nils nina
    ning nisha nitin nkechi nneka noah noboru nobuo noel noemie nora norbert noriko nour nuno nuray nuria
    oana obinna octavio oddvar odette odile okan oksana olaf olav ole oleg olga oliver olivia olivier olof
    olu oluwaseun omar omer ondrej onur orhan ornella orsolya osama osamu oskar osman othman otto ousmane
    ovidiu oystein ozan ozge ozgur ozlem pablo padma pallavi palle pamela panagiotis pankaj paola paolo
    pascual pasquale patrice patricia patricio patrick patrizia patrycja patty paul paula paulette paulina
    pauline paulo pavel pavla pawel pedro peggy pekka penelope peng per pernille petar pete peter petr
    petra petter phil philip philipp philippe phillip phoebe phuong phyllis pia pierre pieter pietro pilar
    pim pinar piotr polina pooja prabhakar pradeep prakash pranav prasad prashant pratik praveen preben
    preeti priya przemyslaw qiang qing quan quang rachel rachid rachida radek radha radim radka radoslaw
    radu rafael rafaela raffaele raghav ragnar rahul rainer raj rajan rajat rajeev rajendra rajesh rajiv
    rakesh ralf ralph ramazan ramesh ramiro ramon ramona rana randy rani rania ranjit raphael raquel rasha
    rashid rashmi rasmus raul ravi raymond razvan rebeca rebecca rebekah recep reem reena reginald regis
    reiko reiner reinhard reinhold reka rekha remi renata renate renato renaud rene renu rhys riad ricarda
    ricardo riccardo richard rick ricky rie rik rika rishi rita robert roberto rocio rodney rodolfo
    rodrigo roel rogelio roger rohan rohit roland rolf romain ron ronald rong rosalie rosemarie roshni
    rosie rossella rostislav roxana ruben rudiger rudolf rui ruprecht ruslan ruth ruud ryan ryo ryota
    ryszard sabine sabrina sachiko sachin sakari salah saleh salim sally salma salvatore sam samantha
    samer samia samir samira samuel sana sandeep sander sandhya sandor sandra sandrine sangeeta sanja
    sanjana sanjay sanna sanne sara sarah sarita sarka sarra sasa sascha saskia satish satoru satoshi
    savita sayaka sayed scott sean sebastian sebastien sedat seema segun selcuk selim selin selma sema
    semyon seojun seppo serdar serge sergei sergey sergio serkan seth seung severine sevgi sevim shadi
    shalini shane shankar sharad sharon shaun sheetal sheila sherif shigeru shinichi shinji shiori shivani
    shota shreya shruti shu shun shyam sibel sibylle siddharth siegfried signe sigrid sigurd siham silke
    silvana silvia silvio simon simona simone sinan sipho siv siyabonga sjoerd slawomir slobodan smita
    sneha snezana sofia solange solveig sonali songul sonia sonja soojin sophia sophie soraya soren sorin
    soyeon spyros srdjan srinivas stacey stacy stanislav stanislaw stavros stefan stefania stefanie
    stefano steffen stelios stepan stephan stephane stephanie stephen steve steven stian stig stijn stuart
    subhash subin sudhir sujata suleyman suman sumit sunghoon sunil sunita suresh susan susana susann
    susanne sushma susumu suzanne svein sven svenja svetlana swantje swati sylvain sylvia sylvie sylwia
    szilvia szymon tadeusz taehyung takahiro takashi takeshi takumi tamara tamas taner tanja tanvi tanya
    tapio tara taras tarek tarik tariq tarja taro tarun tatiana tatjana tatsuya tatyana temitope terence
    teresa tereza terje terry tetsuya teun thabo thanasis thandi thanh thao thea thelma themba theo
    theodore theodoros theresa therese thiago thibault thierry thijs thilo thomas thorben thorbjorn
    thorsten thuy tiago tibor tijn tim timo timothy timur tina tobias toby todd tolga tom tomas tomasz
    tomi tomislav tommaso tommy tomoko tony tore torgny torsten toshio tracey tracy traian trang traudel
    travis trevor trine tristan trond tsubasa tuan tugba tuncay tunde tuomas turgut tushar tyler uchenna
    uday udo ugur ulf uli ulla ulrich ulrik ulrike umberto umit umut ursula urszula usha ute uwe vaclav
    vadim valentin valentina valerie valery vandana vanessa varun vasant vasco vasile vasiliki vasilis
    vasily venkatesh verena veronica veronika veronique vesna vibeke vicente vicky vidar vidya vijay vikas
    vikram viktor viktoria ville vinay vincent vincenzo vineet vinod virginie vishal vitaly vitor vittorio
    vivek vivian vlad vladimir vladislav vlado vojtech volkan volker vuk vyacheslav wael wafa wahid
    waldemar waleed walid walter waltraud wanda wei weiwei wendelin wendy wenke werner wiebke wieslaw
    wiktor wilfred wilfried wilhelm willem willi william willie wim winfried winifred witold wojciech
    wolfgang woojin wouter xavier xia xiang xiao xiaoming ximena xin xiu xue yahya yan yana yann yannick
    yannis yara yaroslav yasemin yash yasin yasmin yasmina yasser yasuko yasuo yavuz yaw yejin yelena
    yevgeny yilmaz ying yoko yolanda yong yoshiko yosuke younes youngsoo yousef youssef yuan yue yui yuki
    yuko yulia yuma yumi yun yuna yuri yuriy yusuf yusuke yuta yutaka yves yvette yvonne zachary zack
    zahra zainab zaki zanele zbigniew zbynek zdenek zdenka zdzislaw zehra zeinab zeljko zeynep zhang
    zhanna zhen zhi zhiwei ziad zineb zlatko zoe zofia zoltan zoran zrinka zsolt zsuzsanna zuzana zuzanna
    zygmunt
    """
)
"""Common first names, in lower case and without accents."""

NAME_WORDS = words(
    """
    vorname nachname familienname vollname surname forename firstname lastname fullname middlename givenname
    prenom apellido apellidos cognome achternaam voornaam fornavn efternavn etternavn fornamn efternamn imie
    nazwisko sobrenome ansprechpartner kontaktperson contactperson geburtsname maidenname patientname
    customername kundenname username benutzername login loginname nickname salesperson
    """
)
"""In a column's name: the name of a person."""

NO_PERSONS = words(
    """
    product produkt artikel article item file company firma brand marke store shop filiale hospital
    brewery event station category kategorie city stadt ort place town country land state region county
    street strasse measure style material model modell title titel type typ kind art segment status class
    klasse level role rolle group gruppe tier channel kanal department abteilung team unit airport
    flughafen port hafen carrier airline manufacturer hersteller supplier lieferant language sprache
    currency timezone tzone variety sorte species beer bier wine wein song album film movie book game
    """
)
"""In a column's name: whatever first names its cells hold, they are no persons'."""

PERSON_WORDS = words(
    """
    patient patienten patientin kunde kundin customer client employee mitarbeiter mitarbeiterin member
    mitglied student schuler pupil guest gast teacher lehrer doctor arzt physician driver fahrer owner
    inhaber tenant mieter passenger applicant bewerber contact author empleado cliente paciente salarie
    medewerker klant seller buyer salesperson salesman saleswoman salesrep rep representative agent
    assignee responsible technician manager supervisor inspector auditor clerk cashier nurse witness
    recipient addressee signatory approver reviewer reporter requester requestor handler respondent
    participant attendee user worker staff coach instructor trainer player referee consultant advisor
    adviser analyst captain pilot spouse guardian beneficiary payee payer holder cardholder accountholder
    landlord subscriber leader director chairman editor creator submitter caller therapist lawyer attorney
    surgeon midwife person people verantwortlich verantwortliche verantwortlicher zustandig zustandige
    zustandiger bearbeiter bearbeiterin bearbeitet sachbearbeiter sachbearbeiterin verkaufer verkauferin
    kaufer kauferin betreuer betreuerin berater beraterin vertreter vertreterin erfasser ersteller
    absender empfanger besteller bestellerin teilnehmer teilnehmerin leiter leiterin prufer pruferin
    techniker technikerin monteur fahrerin arztin lehrerin schulerin studentin nutzer benutzer anwender
    autor autorin trainerin pfleger pflegerin therapeut therapeutin anwalt inhaberin eigentumer
    vorgesetzter disponent melder antragsteller kontoinhaber karteninhaber rechnungsempfanger betreut
    personen responsable vendeur vendeuse acheteur conseiller conseillere auteur proprietaire gestionnaire
    destinataire locataire eleve vendedor vendedora comprador encargado encargada propietario destinatario
    alumno venditore acquirente responsabile proprietario dipendente paziente verkoper koper
    verantwoordelijke
    """
)
"""In a column's name: its cells are persons, if they are written like names."""

DOERS = words(
    """
    handled created updated modified changed assigned sold bought signed approved entered reported reviewed
    requested ordered checked inspected processed prepared recorded performed edited closed opened resolved
    delivered received submitted verified completed owned managed led written collected taken erfasst
    bearbeitet erstellt geandert gepruft verkauft freigegeben angelegt
    """
)
"""In a column's name, before `by`, `to` or `von`: its cells are persons, or how these log in."""

NOTE_WORDS = words(
    """
    note notes comment comments remark remarks memo message freetext feedback instructions bemerkung
    bemerkungen notiz notizen kommentar kommentare anmerkung anmerkungen hinweis hinweise nachricht freitext
    vermerk remarque remarques commentaire commentaires nota notas observaciones comentario comentarios
    opmerking opmerkingen
    """
)
"""In a column's name: its cells are what somebody wrote, and may be about anybody."""

NAME_PAIRS = frozenset(
    (one, "name") for one in ("first", "last", "full", "family", "given", "middle", "contact", "user")
)

KIND_WORDS = {
    "phone": words(
        "phone telephone telefon telefono tel mobile mobil handy fax telefonnummer rufnummer gsm mobilnummer"
    ),
    "iban": words("iban kontonummer bankverbindung"),
    "card number": words("creditcard kreditkarte cardnumber kartennummer ccnumber"),
    "address": words(
        """
        address adresse anschrift street strasse direccion indirizzo adres adress rue calle wohnort
        hausnummer endereco
        """
    ),
    "birth date": words(
        """
        birthdate birthday dob geburtsdatum geburtstag geboren birth dateofbirth naissance nacimiento
        nascita
        """
    ),
    "national id": words(
        """
        ssn nino personnummer cpf nif dni nie bsn pesel aadhaar passport passportnumber reisepass passnummer
        personalausweis steuerid sozialversicherungsnummer svnr nir codicefiscale cpr
        """
    ),
    "personnel number": words("personalnr personalnummer mitarbeiternummer mitarbeiternr employeenumber"),
    "pay": words(
        """
        salary wage wages gehalt bruttogehalt nettogehalt monatsgehalt jahresgehalt lohn bruttolohn nettolohn
        stundenlohn steuerklasse salaire sueldo stipendio
        """
    ),
    "religion": words("religion konfession denomination religionszugehorigkeit kirchensteuer"),
    "health": words("diagnose diagnosis blutgruppe bloodtype krankheit"),
}
"""Kind of personal data -> words in a column's name."""
